import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { execa } from 'execa'
import { temporaryDirectory } from './registry.ts'

/** The version that `npm run deb` gives the package by itself. */
export const { version: PACKAGE_VERSION } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  version: string
}

/** Builds the Debian package as `npm run deb` does: it fails when lintian finds an error. @returns its path */
export async function buildPackage(): Promise<string> {
  const { stdout } = await execa('npm', ['run', '--silent', 'deb'])
  const built = stdout.split('\n').at(-1) ?? ''
  // The next build makes the same file.
  const kept = join(temporaryDirectory(), basename(built))
  copyFileSync(built, kept)
  return kept
}

/** The same package with another version. @returns its path */
export async function withVersion(deb: string, version: string): Promise<string> {
  const directory = temporaryDirectory()
  const contents = join(directory, 're6stnet')
  await execa('dpkg-deb', ['--raw-extract', deb, contents])
  const control = join(contents, 'DEBIAN/control')
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${version}`))
  await execa('dpkg-deb', ['--root-owner-group', '--build', contents, directory])
  return join(directory, readdirSync(directory).find((file) => file.endsWith('.deb')) ?? '')
}

/** A package `nodejs` of the Node.js that runs this, for a Debian that has an older one. @returns its path */
export async function packThisNode(): Promise<string> {
  const directory = temporaryDirectory()
  const contents = join(directory, 'nodejs')
  for (const path of ['DEBIAN', 'usr/bin']) mkdirSync(join(contents, path), { recursive: true })
  copyFileSync(process.execPath, join(contents, 'usr/bin/node'))
  const { stdout: architecture } = await execa('dpkg', ['--print-architecture'])
  writeFileSync(
    join(contents, 'DEBIAN/control'),
    `Package: nodejs\nVersion: ${process.versions.node}-1\nArchitecture: ${architecture}\n` +
      'Maintainer: nobody <root@localhost>\nDepends: libc6, libstdc++6\nDescription: Node.js of another machine\n',
  )
  const deb = `${contents}.deb`
  await execa('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', contents, deb])
  return deb
}
