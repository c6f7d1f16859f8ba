import { Re6stError } from '../core/errors.ts'
import { listPrintedByIp } from '../core/kernel/ip-json.ts'
import type { Processes } from './processes.ts'

/**
 * What `ip -j` prints; nothing at all when there is none.
 * @typeParam Entry what the caller reads of each: iproute2 leaves out what is not set
 * @throws Re6stError `DAEMON` when `ip` fails, or prints no list
 */
export async function ipJson<Entry extends object>(
  processes: Pick<Processes, 'run'>,
  ...words: string[]
): Promise<readonly Entry[]> {
  const { stdout } = await processes.run('ip', ['-j', ...words])
  const list = listPrintedByIp(stdout)
  if (!list.ok) throw new Re6stError('DAEMON', `${list.reason}: ip -j ${words.join(' ')}`)
  return list.value as readonly Entry[]
}
