import { messageOf } from '../src/core/errors.ts'
import { systemClock } from '../src/platform/clock.ts'

/** How long to wait, and for what: the message of the failure names it. */
export interface WaitOptions {
  /** What is waited for, in words that complete "waited for …". */
  readonly what: string
  readonly deadlineMs: number
  /** Time between two looks; without it, the longer it has been waited, the longer. */
  readonly intervalMs?: number
  /** Aborted: the wait fails at once with its reason. */
  readonly signal?: AbortSignal | undefined
}

const LOOK_INTERVAL_MS = 100
/** A look may cost several processes, on a machine that runs other scenarios beside this one: a wait is this part too long at most. */
const LOOK_SHARE = 1 / 20
const MAX_LOOK_INTERVAL_MS = 500

/**
 * Looks until `condition` gives something truthy, and returns that. A condition that throws is not fulfilled yet.
 * @throws Error at the deadline, with the last thing that the condition threw
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { what, deadlineMs, intervalMs: fixedMs, signal }: WaitOptions,
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const begin = systemClock.monotonicMs()
  const end = begin + deadlineMs
  let obstacle = ''
  for (;;) {
    signal?.throwIfAborted()
    try {
      const value = await condition()
      if (value) return value as Exclude<T, undefined | null | false | 0 | ''>
      obstacle = ''
    } catch (error) {
      obstacle = `: ${messageOf(error)}`
    }
    const nowMs = systemClock.monotonicMs()
    const intervalMs = fixedMs ?? growing(nowMs - begin)
    if (nowMs + intervalMs > end) throw new Error(`waited ${deadlineMs / 1000} s for ${what}${obstacle}`)
    await systemClock.sleep(intervalMs, signal)
  }
}

const growing = (waitedMs: number): number =>
  Math.min(Math.max(waitedMs * LOOK_SHARE, LOOK_INTERVAL_MS), MAX_LOOK_INTERVAL_MS)
