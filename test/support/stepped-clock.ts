import type { Clock } from '../../src/platform/clock.ts'

/** A clock that stands still until the test lets time pass. */
export interface SteppedClock extends Clock {
  /** Lets so much time pass: what is due is done in its order, and what that leads to at once as well. */
  pass(ms: number): Promise<void>
  /** Lets so much time pass in which this process does not run: all that is due is done late, at its end. */
  stall(ms: number): Promise<void>
}

interface Timer {
  readonly atMs: number
  readonly action: () => void
}

/** @returns a clock whose wall clock begins at `startMs` */
export function steppedClock(startMs = 1_700_000_000_000): SteppedClock {
  let nowMs = 0
  const timers = new Set<Timer>()
  const add = (timer: Timer): Disposable => {
    timers.add(timer)
    return { [Symbol.dispose]: () => void timers.delete(timer) }
  }
  const clock: SteppedClock = {
    now: () => startMs + nowMs,
    monotonicMs: () => nowMs,
    after: (ms, action) => add({ atMs: nowMs + ms, action }),
    every(ms, action) {
      const timer = { [Symbol.dispose]: () => next[Symbol.dispose]() }
      const again = () => {
        next = clock.after(ms, again)
        action()
      }
      let next = clock.after(ms, again)
      return timer
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const stop = () => {
          timer[Symbol.dispose]()
          reject(signal?.reason)
        }
        const timer = clock.after(ms, () => {
          signal?.removeEventListener('abort', stop)
          resolve()
        })
        signal?.addEventListener('abort', stop, { once: true })
      }),
    async pass(ms) {
      const endMs = nowMs + ms
      await settled()
      for (;;) {
        const [due] = [...timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
        if (!due) break
        timers.delete(due)
        nowMs = Math.max(nowMs, due.atMs)
        due.action()
        await settled()
      }
      nowMs = endMs
    },
    async stall(ms) {
      nowMs += ms
      await clock.pass(0)
    },
  }
  return clock
}

/** What promises lead to without any time has been done: chains of them are short. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}
