import { readFileSync, statSync } from 'node:fs'
import { DebianMachine } from '../test/support/debian-machine.ts'
import { buildPackage } from '../test/support/debian-package.ts'

/** What the Debian package takes. Kilobytes are what dpkg calls installed size. */
export interface PackageSize {
  readonly downloadKb: number
  readonly installedKb: number
  /** What a minimal Debian with systemd does not have yet, largest first. */
  readonly dependencies: readonly { readonly name: string; readonly installedKb: number }[]
}

/** Builds the package and installs it, without what it only recommends, into a minimal Debian 13. */
export async function measurePackage(): Promise<PackageSize> {
  const deb = await buildPackage()
  await using machine = await DebianMachine.make('systemd')
  await machine.fetch(deb)
  await machine.boot()
  const before = installed(machine)
  await machine.install(deb)
  const added = [...installed(machine)].filter(([name]) => !before.has(name))
  return {
    downloadKb: Math.round(statSync(deb).size / 1024),
    installedKb: added.find(([name]) => name === 're6stnet')?.[1] ?? Number.NaN,
    dependencies: added
      .filter(([name]) => name !== 're6stnet')
      .map(([name, installedKb]) => ({ name, installedKb }))
      .sort((one, other) => other.installedKb - one.installedKb),
  }
}

/** Sizes of the packages that a machine has, by name. */
function installed(machine: DebianMachine): Map<string, number> {
  const stanzas = readFileSync(machine.file('var/lib/dpkg/status'), 'utf8').split('\n\n')
  const field = (stanza: string, name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? ''
  return new Map(
    stanzas
      .filter((stanza) => field(stanza, 'Status') === 'install ok installed')
      .map((stanza) => [field(stanza, 'Package'), Number(field(stanza, 'Installed-Size'))]),
  )
}

/** The paragraph about it in docs/benchmarks.md. */
export function packageReport({ downloadKb, installedKb, dependencies }: PackageSize): string {
  const mb = (kb: number) => `${(kb / 1024).toFixed(1)} MB`
  const total = dependencies.reduce((sum, dependency) => sum + dependency.installedKb, 0)
  const largest = dependencies.slice(0, 8).map((one) => `${one.name} ${mb(one.installedKb)}`)
  return `Installed into a minimal Debian 13 (debootstrap's \`minbase\`, and systemd), without what is only recommended: the package has
${mb(downloadKb)} to download and ${mb(installedKb)} installed; it brings ${dependencies.length} others that are not there yet, with ${mb(total)} installed.
The largest: ${largest.join(', ')}.`
}
