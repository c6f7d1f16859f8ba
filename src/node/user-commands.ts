import { Re6stError } from '../core/errors.ts'
import { inBackground } from '../platform/background.ts'
import type { Logger } from '../platform/log.ts'
import { describeEnd, type Processes, type RunningProcess } from '../platform/processes.ts'

/** Environment of `--up` and `--daemon` (CIDR notation for subnet and network). @public they read it */
export interface UserCommandEnvironment {
  readonly re6stnet_iface: string
  readonly re6stnet_ip: string
  readonly re6stnet_subnet: string
  readonly re6stnet_network: string
}

/** How long a `--daemon` may take to end after TERM. */
const DAEMON_GRACE_MS = 5_000

/**
 * Runs the user's `--up` command to its end.
 * @throws Re6stError `SYSTEM` when it fails, its status in {@link UserCommandFailure}
 */
export async function runUpCommand(
  { processes, log }: { processes: Processes; log: Logger },
  command: string,
  environment: UserCommandEnvironment,
): Promise<void> {
  const child = startShell(processes, log, command, environment)
  const end = await child.ended
  if (end.kind === 'exited' && end.status === 0) return
  throw new UserCommandFailure(`--up ${command}: ${describeEnd(end)}`, end.kind === 'exited' ? end.status : 1)
}

/** The `--up` command failed: the node stops with its status. */
export class UserCommandFailure extends Re6stError {
  readonly status: number

  constructor(message: string, status: number) {
    super('SYSTEM', message)
    this.status = status
  }
}

/** The user's `--daemon` commands: started in the background, ended with the node. */
export class UserDaemons implements AsyncDisposable {
  readonly #running: RunningProcess[] = []

  start(
    { processes, log }: { processes: Processes; log: Logger },
    commands: readonly string[],
    environment: UserCommandEnvironment,
  ): void {
    for (const command of commands) {
      const child = startShell(processes, log, command, environment)
      this.#running.push(child)
      const over = child.ended.then((end) =>
        log.info({ command, end: describeEnd(end) }, '--daemon command ended'),
      )
      inBackground(log, 'a --daemon command', over)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running.splice(0).map((child) => child.stop(DAEMON_GRACE_MS)))
  }
}

const startShell = (
  processes: Processes,
  log: Logger,
  command: string,
  environment: UserCommandEnvironment,
): RunningProcess =>
  processes.start('sh', ['-c', command], {
    environment: { ...environment },
    dieWithParent: true,
    ownGroup: true,
    onLine: (line, stream) => log.info({ command, stream }, line),
  })
