import { messageOf } from '../src/core/errors.ts'
import { systemClock } from '../src/platform/clock.ts'

/** How long to wait, and for what: the message of the failure names it. */
export interface WaitOptions {
  /** What is waited for, in words that complete "waited for …". */
  readonly what: string
  readonly deadlineMs: number
  /** Time between two looks. */
  readonly intervalMs?: number
  /** Aborted: the wait fails at once with its reason. */
  readonly signal?: AbortSignal | undefined
}

const LOOK_INTERVAL_MS = 100

/**
 * Looks until `condition` gives something truthy, and returns that. A condition that throws is not fulfilled yet.
 * @throws Error at the deadline, with the last thing that the condition threw
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { what, deadlineMs, intervalMs = LOOK_INTERVAL_MS, signal }: WaitOptions,
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const end = systemClock.monotonicMs() + deadlineMs
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
    if (systemClock.monotonicMs() + intervalMs > end)
      throw new Error(`waited ${deadlineMs / 1000} s for ${what}${obstacle}`)
    await systemClock.sleep(intervalMs, signal)
  }
}
