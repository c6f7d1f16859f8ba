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
  /** Calls `action` every `ms` until disposed of; for the first time within that: together with what is done as often. */
  every(ms: number, action: () => void): Disposable
}

/** What is done as often as something else is done at the same time: each timer of its own wakes the process once more. */
class Beat {
  readonly #ms: number
  readonly #timer: NodeJS.Timeout
  readonly #members = new Set<{ readonly action: () => void }>()

  constructor(ms: number) {
    this.#ms = ms
    this.#timer = setInterval(() => this.#strike(), ms)
    beats.set(ms, this)
  }

  join(action: () => void): Disposable {
    const member = { action }
    this.#members.add(member)
    return { [Symbol.dispose]: () => this.#leave(member) }
  }

  #strike(): void {
    for (const member of [...this.#members]) {
      if (!this.#members.has(member)) continue
      try {
        member.action()
      } catch (error) {
        // It is told as that of a timer of its own would be, and the others are none the worse for it.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  #leave(member: { readonly action: () => void }): void {
    this.#members.delete(member)
    if (this.#members.size > 0 || beats.get(this.#ms) !== this) return
    clearInterval(this.#timer)
    beats.delete(this.#ms)
  }
}

/** By their milliseconds. */
const beats = new Map<number, Beat>()

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
    const beat = beats.get(ms) ?? new Beat(ms)
    return beat.join(action)
  },
}
