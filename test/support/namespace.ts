import { execFileSync } from 'node:child_process'
import { insideNamespace } from '../../lab/namespace.ts'
import { type Processes, systemProcesses } from '../../src/platform/processes.ts'
import type { Sysctls } from '../../src/platform/sysctls.ts'

/** A network namespace of a test, with what runs programs and reads settings inside it. */
export interface Namespace extends Disposable {
  readonly name: string
  readonly processes: Processes
  readonly sysctls: Sysctls
  /** Runs a command inside and returns what it prints. */
  run(command: string, ...args: readonly string[]): string
  /** Runs `ip` with words separated by blanks. */
  ip(words: string): string
}

let made = 0

/** Makes a namespace of its own, with `lo` up. */
export function makeNamespace(prefix: string): Namespace {
  const name = `${prefix}${process.pid}-${made++}`
  execFileSync('ip', ['netns', 'add', name])
  const inside = (command: string, args: readonly string[]) => insideNamespace(name, [command, ...args])
  const run = (command: string, ...args: readonly string[]) =>
    execFileSync(...inside(command, args), { encoding: 'utf8' })
  const namespace: Namespace = {
    name,
    run,
    ip: (words) => run('ip', ...words.split(' ')),
    processes: {
      start: (command, args, options) => systemProcesses.start(...inside(command, args), options),
      run: (command, args, options) => systemProcesses.run(...inside(command, args), options),
    },
    sysctls: {
      async read(path) {
        try {
          return run('cat', `/proc/sys/${path}`).trim()
        } catch {
          return undefined
        }
      },
      async write(path, value) {
        await systemProcesses.run(...inside('tee', [`/proc/sys/${path}`]), { input: value })
      },
    },
    [Symbol.dispose]() {
      for (const pid of execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).split('\n'))
        if (pid !== '') process.kill(Number(pid), 'SIGKILL')
      execFileSync('ip', ['netns', 'del', name])
    },
  }
  namespace.ip('link set lo up')
  // A link-local address can be used at once: no duplicate address detection.
  run('sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0')
  return namespace
}

/** Joins two namespaces by a cable: an interface of this name in each. */
export function joinNamespaces(one: Namespace, oneIface: string, other: Namespace, otherIface: string): void {
  execFileSync('ip', [
    ...['-n', one.name, 'link', 'add', oneIface, 'type', 'veth'],
    ...['peer', 'name', otherIface, 'netns', other.name],
  ])
  one.ip(`link set ${oneIface} up`)
  other.ip(`link set ${otherIface} up`)
}
