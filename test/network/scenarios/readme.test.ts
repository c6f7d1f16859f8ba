import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { marked } from 'marked'
import { expect, test } from 'vitest'
import { type Lab, withLab } from '../../../lab/lab.ts'
import type { LabProcess } from '../../../lab/lab-process.ts'
import type { Machine } from '../../../lab/machine.ts'
import { DEADLINE_MS } from '../../support/networks.ts'

const CHAPTER = 'A network on three machines, by hand'
const COMMANDS = ['re6stnet', 're6st-registry', 're6st-conf', 're6st']
const PROJECT = fileURLToPath(new URL('../../..', import.meta.url))
/** What each machine has of its own, with nothing in it; the lab's machines share the rest of the disk. */
const OWN_DIRECTORIES = ['/run', '/var/lib', '/var/log']

/** The shell scripts of the chapter, in order. */
function scriptsOf(markdown: string): string[] {
  const tokens = marked.lexer(markdown)
  const start = tokens.findIndex((token) => token.type === 'heading' && token['text'] === CHAPTER)
  const rest = tokens.slice(start + 1)
  const end = rest.findIndex((token) => token.type === 'heading')
  return rest
    .slice(0, end)
    .flatMap((token) => (token.type === 'code' && token['lang'] === 'sh' ? [token['text'] as string] : []))
}

/**
 * The last step of the installation, with a directory in place of /usr/local. What comes before it, `.ci/run` does, or who runs
 * the tests: the packages, `npm ci` and the build.
 * @returns where the commands are
 */
async function npmLink(lab: Lab): Promise<string> {
  const prefix = path.join(lab.directory, 'npm')
  mkdirSync(prefix)
  await execa('npm', ['link'], {
    cwd: PROJECT,
    env: { npm_config_prefix: prefix, npm_config_offline: 'true', npm_config_audit: 'false' },
  })
  return path.join(prefix, 'bin')
}

/** Programs that are run, but for those that every Debian has, with the package that each is in. */
async function packagesFor(scripts: readonly string[]): Promise<string[]> {
  const programs = scripts.flatMap((script) =>
    [...script.matchAll(/(?:^|&& )([a-z][\w-]*)/gm)].map(([, program = '']) => program),
  )
  const packages = [...new Set([...programs, 'ping'])]
    .filter((program) => !COMMANDS.includes(program) && program !== 'cd')
    .map(async (program) => {
      const { stdout } = await execa('dpkg', ['-S', `*/bin/${program}`])
      return (
        stdout
          .split('\n')
          .find((line) => /: (\/usr)?\/bin\//.test(line))
          ?.split(':')[0] ?? program
      )
    })
  const named = [...new Set(await Promise.all(packages))]
  // Those that every Debian has are marked `Essential: yes`.
  const { stdout } = await execa('dpkg-query', [
    '-W',
    '--showformat',
    '$' + '{Package} $' + '{Essential}\\n',
    ...named,
  ])
  return stdout.split('\n').flatMap((line) => (line.endsWith(' yes') ? [] : [line.split(' ')[0] ?? '']))
}

/** A machine on which somebody works at a shell. */
class Shell {
  readonly #machine: Machine
  readonly #holder: LabProcess
  readonly #directory: string
  readonly #commands: string
  #count = 0

  private constructor(machine: Machine, holder: LabProcess, directory: string, commands: string) {
    this.#machine = machine
    this.#holder = holder
    this.#directory = directory
    this.#commands = commands
  }

  /**
   * With directories of its own where the README puts files, as namespaces have only a network of their own, and without those that
   * a package makes; and the address of the registry by name.
   * @param commands where ours are
   */
  static async open(lab: Lab, machine: Machine, hosts: string, commands: string): Promise<Shell> {
    const directory = path.join(machine.directory, 'disk')
    mkdirSync(directory, { recursive: true })
    const binds = OWN_DIRECTORIES.map((own) => {
      mkdirSync(path.join(directory, own), { recursive: true })
      return `mount --rbind ${path.join(directory, own)} ${own}`
    })
    // The lab's own files stay where they are.
    const labIn = path.join(directory, lab.directory)
    mkdirSync(labIn, { recursive: true })
    const etc = path.join(directory, 'etc')
    const script = [
      `cp -a /etc ${etc}; rm -rf ${etc}/re6stnet ${etc}/init.d/re6st*`,
      `printf '%s' '${hosts}' >${etc}/hosts; mount --bind ${etc} /etc`,
      `mount --bind ${lab.directory} ${labIn}`,
      ...binds,
      'echo ready',
      'exec sleep infinity',
    ]
    const holder = machine.start(['unshare', '--mount', 'sh', '-euc', script.join('\n')], { name: 'disk' })
    await holder.line(/^ready$/, DEADLINE_MS)
    return new Shell(machine, holder, directory, commands)
  }

  /** Types a script in a shell, and tells what it printed; what it left in the background stays. */
  async type(
    script: string,
  ): Promise<{ readonly status: number | undefined; readonly printed: string; readonly said: string }> {
    const file = path.join(this.#directory, `script${++this.#count}`)
    writeFileSync(file, `PATH=${this.#commands}:$PATH\n${script}\n`)
    chmodSync(file, 0o700)
    const { end } = await this.#machine.capture(
      'nsenter',
      `--mount=/proc/${this.#holder.pid}/ns/mnt`,
      ...['sh', '-c', `bash -e ${file} >${file}.printed 2>${file}.said </dev/null`],
    )
    const status = end.kind === 'exited' ? end.status : undefined
    const [printed = '', said = ''] = ['printed', 'said'].map((end) => readFileSync(`${file}.${end}`, 'utf8'))
    return { status, printed, said }
  }

  /** The same; it must succeed. */
  async insist(script: string): Promise<{ readonly printed: string; readonly said: string }> {
    const { status, ...texts } = await this.type(script)
    expect(status, `${script}\n${texts.printed}${texts.said}`).toBe(0)
    return texts
  }
}

const isListening = (lab: Lab, machine: Machine, port: number) =>
  lab.waitFor(async () => (await machine.run('ss', '-Hltn', `sport = :${port}`)).stdout !== '' || undefined, {
    what: `somebody to listen on port ${port}`,
    deadlineMs: DEADLINE_MS,
  })

test('three machines, as the README says, word for word', () =>
  withLab({ name: 'readme' }, async (lab) => {
    const [install = '', make = '', invite = '', join = '', ...more] = scriptsOf(
      readFileSync(new URL('../../../README.md', import.meta.url), 'utf8'),
    )
    const [packages = '', ...ofNpm] = install.split('\n').map((line) => line.replace(/\s*#.*/, ''))
    expect(ofNpm).toEqual(['npm ci && npm run build && npm link'])
    expect(packages.split(' ')).toEqual(
      expect.arrayContaining([
        ...['apt-get', 'install', 'openvpn', 'iproute2', 'util-linux'],
        ...(await packagesFor([make, invite, join])),
      ]),
    )
    expect(more).toEqual([])
    const commands = await npmLink(lab)
    expect(readdirSync(commands).sort()).toEqual([...COMMANDS].sort())

    const machines = [await lab.host('r'), await lab.host('a'), await lab.host('b')] as const
    const hosts = `127.0.0.1 localhost\n${machines[0].addresses.ipv4} r.example.com\n`
    const [r, a, b] = await Promise.all(machines.map((machine) => Shell.open(lab, machine, hosts, commands)))
    if (!r || !a || !b) throw new Error('no shells')
    const made = await r.insist(make)
    // What it says to run next is what the chapter says.
    const next = made.printed.split('\n').map((line) => line.trim())
    expect(next).toEqual(expect.arrayContaining(make.split('\n').slice(1)))
    expect(next).toEqual(expect.arrayContaining(join.split('\n').slice(1)))
    await isListening(lab, machines[0], 80)
    const [joinLine = ''] = join.split('\n')
    const addresses: string[] = []
    for (const shell of [r, a, b]) {
      const { printed: invitation } = await lab.waitFor(
        async () => {
          const typed = await r.type(invite)
          return typed.status === 0 && typed
        },
        { what: 'an invitation', deadlineMs: DEADLINE_MS },
      )
      const [, own = '', fingerprint = '', token = ''] =
        /^\s*(re6st join \S.* --fingerprint (\S+) --token (\S+))$/m.exec(invitation) ?? []
      expect(own).toBe(joinLine.replace(/sha256:\S+/, fingerprint).replace('TOKEN', token))
      const { printed, said } = await shell.insist(join.replace(joinLine, own))
      expect(said).not.toContain('WARNING')
      const address = /2001:db8:42:\S*::1\b|2001:db8:42::1\b/.exec(printed)?.[0] ?? ''
      addresses.push(address)
    }
    expect(new Set(addresses).size).toBe(3)
    for (const shell of [r, a, b]) {
      for (const address of addresses) {
        await lab.waitFor(async () => (await shell.type(`ping -c 1 -W 1 ${address}`)).status === 0, {
          what: `a ping of ${address}`,
          deadlineMs: DEADLINE_MS,
        })
      }
      const status = JSON.parse((await shell.insist('re6st status --json')).printed) as {
        connected: boolean
        configuration: { encrypt: boolean }
      }
      expect(status).toMatchObject({ connected: true, configuration: { encrypt: true } })
    }
  }))
