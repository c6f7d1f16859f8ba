import type { EventReply } from '../core/control/routing-replies.ts'
import type { Clock } from '../platform/clock.ts'
import { askNode } from './ask.ts'
import { eventLine, forgottenLines } from './routing-text.ts'

const POLL_MS = 500

/**
 * Prints what happened last, and goes on with what happens, until the signal.
 * @param write takes a line
 * @throws Re6stError when the node does not answer any more
 */
export async function followEvents(
  controlSocket: string,
  { json, clock, signal }: { json: boolean; clock: Pick<Clock, 'sleep'>; signal: AbortSignal },
  write: (line: string) => void,
): Promise<void> {
  const written = json ? (event: EventReply) => JSON.stringify(event) : eventLine
  let after = 0
  while (!signal.aborted) {
    const { events, forgotten, last } = await askNode(controlSocket, 'events', undefined, { after })
    // Another node has begun to count anew.
    const isAnother = last < after
    after = isAnother ? 0 : last
    if (!json) for (const line of forgottenLines(isAnother ? 0 : forgotten)) write(line)
    for (const event of events) write(written(event))
    if (!isAnother) await clock.sleep(POLL_MS, signal).catch(() => {})
  }
}
