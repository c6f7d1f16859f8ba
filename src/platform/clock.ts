/**
 * Time, passed in so that a test can hold it. `now` is wall-clock time (certificates, secrets); `monotonicMs` never
 * jumps (intervals, deadlines).
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Milliseconds since an arbitrary start, the same for all programs of this machine (CLOCK_MONOTONIC); never goes back. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when that is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `action` after `ms`, once, unless disposed of before. */
  after(ms: number, action: () => void): Disposable
  /** Calls `action` every `ms` until disposed of. */
  every(ms: number, action: () => void): Disposable
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const stop = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', stop)
        resolve()
      }, ms)
      signal?.addEventListener('abort', stop, { once: true })
    }),
  after(ms, action) {
    const timer = setTimeout(action, ms)
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
  every(ms, action) {
    const timer = setInterval(action, ms)
    return { [Symbol.dispose]: () => clearInterval(timer) }
  },
}
