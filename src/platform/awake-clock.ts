import type { Clock } from './clock.ts'

/** A clock whose monotonic time, and so its timers, go on only while this process can run. */
export interface AwakeClock extends Clock, Disposable {
  /** How much time has not counted so far. */
  readonly lostMs: number
}

/** How often it is looked whether this process runs. Each look wakes it up. */
const BEAT_MS = 1_000
/** A look comes some milliseconds late on any machine. */
const TOLERANCE_MS = 200

/**
 * The time by which it is judged that somebody does not answer. On a machine that is loaded this process may not run for
 * seconds: what has arrived meanwhile it has not read, and none of its own questions was really on its way for so long.
 * Such time does not count. Wall-clock time is the machine's.
 *
 * @param onLag told how long this process did not run, when it runs again
 */
export function awakeClock(clock: Clock, onLag: (lagMs: number) => void = () => {}): AwakeClock {
  let lost = 0
  let dueMs = clock.monotonicMs() + BEAT_MS
  /** How much is being lost: continuous, so that the time never goes back. */
  const losingMs = (nowMs: number) => Math.max(0, nowMs - dueMs - TOLERANCE_MS)
  const beat = clock.every(BEAT_MS, () => {
    const nowMs = clock.monotonicMs()
    const lagMs = losingMs(nowMs)
    lost += lagMs
    dueMs = nowMs + BEAT_MS
    if (lagMs > 0) onLag(lagMs)
  })
  const monotonicMs = () => {
    const nowMs = clock.monotonicMs()
    return nowMs - lost - losingMs(nowMs)
  }
  /** One that fires late fires again later: before that, what has arrived is read. */
  const after = (ms: number, action: () => void): Disposable => {
    const endMs = monotonicMs() + ms
    const look = () => {
      const leftMs = endMs - monotonicMs()
      // Timers may fire a millisecond early.
      if (leftMs < 1) action()
      else timer = clock.after(leftMs, look)
    }
    let timer = clock.after(ms, look)
    return { [Symbol.dispose]: () => timer[Symbol.dispose]() }
  }
  return {
    now: () => clock.now(),
    monotonicMs,
    get lostMs() {
      return lost + losingMs(clock.monotonicMs())
    },
    after,
    every: (ms, action) => clock.every(ms, action),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const stop = () => {
          timer[Symbol.dispose]()
          reject(signal?.reason)
        }
        const timer = after(ms, () => {
          signal?.removeEventListener('abort', stop)
          resolve()
        })
        signal?.addEventListener('abort', stop, { once: true })
      }),
    [Symbol.dispose]: () => beat[Symbol.dispose](),
  }
}
