import { readlinkSync } from 'node:fs'
import { AS_ROOT, Re6stError } from '../../core/errors.ts'
import { describeEnd, type Processes } from '../../platform/processes.ts'

/** Two checks take so long, one after the other. */
const PATIENCE_SECONDS = 30
/** Of flock(1), when it has waited for so long. */
const NOT_IN_TIME = 75
/** Where nobody but root makes files. */
const DIRECTORY = '/run'
/** Nobody else may even read the file: whoever can open it can hold the lock. Its input, and with it the lock, ends with us. */
const HOLD = 'umask 077 && exec flock --wait "$2" --conflict-exit-code "$3" "$1" sh -c "echo held; exec cat"'

/**
 * Holds what one check at a time may, in the network namespace of the machine: each has the table and the link for itself.
 * @param directory where the file of the lock is
 * @throws Re6stError `SYSTEM` when another one holds it all the time, `DAEMON` when it cannot be had at all
 */
export async function lockOfNamespace(
  processes: Pick<Processes, 'start'>,
  directory = DIRECTORY,
): Promise<AsyncDisposable> {
  const namespace = readlinkSync('/proc/self/ns/net').replace(/\D/g, '')
  const file = `${directory}/re6st-firewall-check-${namespace}.lock`
  let said = ''
  let held = () => {}
  const isHeld = new Promise<'held'>((resolve) => {
    held = () => resolve('held')
  })
  const holder = processes.start(
    'sh',
    ['-c', HOLD, 'sh', file, String(PATIENCE_SECONDS), String(NOT_IN_TIME)],
    {
      withInput: true,
      // Whoever interrupts a check at a terminal ends us: the lock goes after all else.
      ownGroup: true,
      onLine: (line, stream) => {
        if (stream === 'stderr') said = line
        else if (line === 'held') held()
      },
    },
  )
  const end = await Promise.race([isHeld, holder.ended])
  if (end === 'held') {
    return {
      async [Symbol.asyncDispose]() {
        holder.endInput()
        await holder.ended
      },
    }
  }
  if (end.kind === 'exited' && end.status === NOT_IN_TIME)
    throw new Re6stError('SYSTEM', 'another check of the firewall is at work: try again')
  throw new Re6stError(
    'DAEMON',
    /permission denied/i.test(said)
      ? `packets cannot be tried without CAP_NET_ADMIN and CAP_NET_RAW: ${AS_ROOT}`
      : `packets cannot be tried here: ${said === '' ? describeEnd(end) : said}`,
  )
}
