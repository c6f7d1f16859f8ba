/** Bounds of a delay. */
export interface DelayLimits {
  readonly minMs: number
  readonly maxMs: number
}

/** How long to wait before another attempt: twice as long each time, until one works. */
export class GrowingDelay {
  readonly #limits: DelayLimits
  #ms: number

  constructor(limits: DelayLimits) {
    this.#limits = limits
    this.#ms = limits.minMs
  }

  /** The next one. */
  get ms(): number {
    return this.#ms
  }

  /** It is being waited for. @returns how long; the one after it is twice as long, up to the limit */
  take(): number {
    const ms = this.#ms
    this.#ms = Math.min(2 * ms, this.#limits.maxMs)
    return ms
  }

  /** It worked, or something has changed: the next one is short. */
  reset(): void {
    this.#ms = this.#limits.minMs
  }
}

/** The same for who counts: how long to wait after so many delays before it. */
export const delayAfter = (count: number, { minMs, maxMs }: DelayLimits): number =>
  Math.min(minMs * 2 ** count, maxMs)
