import { codeOf, Re6stError } from '../core/errors.ts'
import type { Clock } from '../platform/clock.ts'
import { askNode } from './ask.ts'

const RETRY_MS = 200

/** What the system says of the socket of a node that has not got so far. */
const NOT_YET = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED'])

/**
 * Waits until the node runs and is connected, or until the time is over: what is then there is for others to tell.
 * @throws Re6stError when it cannot be asked for another reason than that it does not run
 */
export async function waitForConnection(
  controlSocket: string,
  clock: Pick<Clock, 'monotonicMs' | 'sleep'>,
  seconds: number,
): Promise<void> {
  const endMs = clock.monotonicMs() + seconds * 1000
  while (clock.monotonicMs() < endMs) {
    try {
      const { connected, name, registry } = await askNode(controlSocket, 'status')
      // The first node of a network is connected when there is a second one.
      if (connected || registry.node === name) return
    } catch (error) {
      if (!isNotYet(error)) throw error
    }
    await clock.sleep(RETRY_MS)
  }
}

/** Also what the node itself says before it can answer: then the system has nothing to say. */
function isNotYet(error: unknown): boolean {
  if (!(error instanceof Re6stError)) return false
  return error.cause === undefined || NOT_YET.has(codeOf(error.cause))
}
