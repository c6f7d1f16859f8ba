import type { Clock } from '../../platform/clock.ts'

/** Conditions that somebody waits for, looked at after each change. */
export class ConditionWatch {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #looks = new Set<() => void>()

  /** @param signal nobody waits any more when it is aborted; without, each wait goes on to its limit */
  constructor(clock: Clock, signal = new AbortController().signal) {
    this.#clock = clock
    this.#signal = signal
  }

  /** Something has changed. */
  look(): void {
    for (const look of [...this.#looks]) look()
  }

  /** Resolves when the condition holds, after the limit (infinity: none), or when the signal is aborted. */
  async until(condition: () => boolean, limitMs: number): Promise<void> {
    if (condition() || this.#signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = Number.isFinite(limitMs) ? this.#clock.after(limitMs, () => done()) : undefined
      const look = () => void (condition() && done())
      const done = () => {
        timer?.[Symbol.dispose]()
        this.#looks.delete(look)
        this.#signal.removeEventListener('abort', done)
        resolve()
      }
      this.#looks.add(look)
      this.#signal.addEventListener('abort', done, { once: true })
    })
  }
}
