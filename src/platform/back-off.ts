import type { Clock } from './clock.ts'

/** Bounds of the delays. */
export interface BackOffLimits {
  readonly minMs: number
  readonly maxMs: number
}

/** Waits between attempts, twice as long each time until one works. */
export class BackOff {
  readonly #clock: Pick<Clock, 'sleep'>
  readonly #limits: BackOffLimits
  #delayMs: number

  constructor(clock: Pick<Clock, 'sleep'>, limits: BackOffLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#delayMs = limits.minMs
  }

  /** How long the next wait is. */
  get delayMs(): number {
    return this.#delayMs
  }

  /** Waits before the next attempt. Ends early, without an error, when `signal` is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    const delayMs = this.#delayMs
    this.#delayMs = Math.min(2 * delayMs, this.#limits.maxMs)
    await this.#clock.sleep(delayMs, signal).catch(() => {})
  }

  /** It worked: the next wait is a short one. */
  succeeded(): void {
    this.#delayMs = this.#limits.minMs
  }
}
