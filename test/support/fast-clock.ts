import { type Clock, systemClock } from '../../src/platform/clock.ts'

/**
 * The machine's clock, but so many times as fast for whoever sleeps: what happens each half minute can be waited for.
 * @param limitFactor how many times as fast time limits end: the test's machine may be too busy for shorter ones
 */
export const fastClock = (factor: number, limitFactor = 1): Clock => ({
  now: () => systemClock.now(),
  monotonicMs: () => systemClock.monotonicMs() * factor,
  sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  after: (ms, action) => systemClock.after(ms / limitFactor, action),
  every: (ms, action) => systemClock.every(ms / factor, action),
})
