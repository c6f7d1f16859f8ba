import { Re6stError } from '../src/core/errors.ts'
import {
  type CommandOutput,
  describeEnd,
  type ProcessEnd,
  systemProcesses,
} from '../src/platform/processes.ts'

/**
 * The command line that runs another one in a namespace: `ip` becomes the command, with a /sys of that namespace, so that programs
 * find the MTU and the counters of their interfaces there as on a machine; with nsenter they would see those of the host. `ip`
 * itself goes there by its own option: scenarios look often, and starting a program is most of what a look costs.
 */
export function insideNamespace(namespace: string, command: readonly string[]): [string, string[]] {
  const [program, ...args] = command
  return program === 'ip' && args[0] !== 'netns'
    ? ['ip', ['-n', namespace, ...args]]
    : ['ip', ['netns', 'exec', namespace, ...command]]
}

/**
 * What a service has not, whoever runs a scenario: with more authorities, Node.js reads those of the whole system each time that
 * it starts, which takes it longer than all the rest of that.
 */
export const MACHINE_ENVIRONMENT = { NODE_EXTRA_CA_CERTS: '' } as const

/** Runs shell commands in a namespace, in order; the first one that fails ends it. @throws Re6stError `DAEMON` */
export async function runScript(namespace: string, commands: readonly string[]): Promise<void> {
  // -x: the failing command stands before its error message.
  if (commands.length > 0) await insist(namespace, ['sh', '-euxc', commands.join('\n')])
}

/** Loads an nftables script in a namespace, as one transaction. @throws Re6stError `DAEMON` */
export const loadRules = (namespace: string, script: string): Promise<void> =>
  insist(namespace, ['nft', script])

async function insist(namespace: string, command: readonly string[]): Promise<void> {
  const { end, stderr } = await capture(namespace, command)
  if (end.kind === 'exited' && end.status === 0) return
  const said = stderr.split('\n').slice(-5).join('\n')
  throw new Re6stError('DAEMON', `in ${namespace}: ${command[0]} failed (${describeEnd(end)}):\n${said}`)
}

/** Kills everything that runs in a namespace, and waits until it is gone. */
export async function killAll(namespace: string): Promise<void> {
  for (;;) {
    const { stdout } = await systemProcesses.run('ip', ['netns', 'pids', namespace])
    const pids = stdout.split('\n').filter(Boolean).map(Number)
    if (pids.length === 0) return
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended by itself.
      }
    }
  }
}

/** Runs a command in a namespace to its end; unlike `systemProcesses.run`, any end is an answer. */
export async function capture(
  namespace: string,
  command: readonly string[],
): Promise<CommandOutput & { readonly end: ProcessEnd }> {
  const lines = { stdout: [] as string[], stderr: [] as string[] }
  const running = systemProcesses.start(...insideNamespace(namespace, command), {
    onLine: (line, stream) => void lines[stream].push(line),
    // It ends by itself, or with the namespace; Ctrl-C is for the lab.
    ownGroup: true,
    environment: MACHINE_ENVIRONMENT,
  })
  const end = await running.ended
  return { stdout: lines.stdout.join('\n'), stderr: lines.stderr.join('\n'), end }
}
