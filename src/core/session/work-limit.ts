import { TokenBucket } from '../token-bucket.ts'

/** How much work there may be. */
export interface WorkRates {
  /** Pieces of work a second, as many at once. */
  readonly perSecond: number
  /** Processor time, in milliseconds a second: with keys of 4,096 bits a signature costs six times as much. */
  readonly msPerSecond: number
}

/** A second is not paid back in less than this, however long one piece took. */
const MAX_DEBT_SECONDS = 10
/** What a piece of work costs at least: the stopwatch may be a coarse one. */
const LEAST_MS = 0.05

/** Limits what others can make us compute, by number and by the time that it really takes. */
export class WorkLimit {
  readonly #pieces: TokenBucket
  readonly #msPerSecond: number
  readonly #stopwatchMs: () => number
  #leftMs: number
  #filledMs: number | undefined

  /** @param stopwatchMs processor time that was used so far */
  constructor({ perSecond, msPerSecond }: WorkRates, stopwatchMs: () => number) {
    this.#pieces = new TokenBucket(perSecond, perSecond)
    this.#msPerSecond = msPerSecond
    this.#leftMs = this.#burstMs
    this.#stopwatchMs = stopwatchMs
  }

  /** A handshake with each of many peers, at a start. */
  get #burstMs(): number {
    return 5 * this.#msPerSecond
  }

  /** Whether one more piece may be done now: then it counts. */
  take(nowMs: number): boolean {
    const elapsedMs = Math.max(0, nowMs - (this.#filledMs ?? nowMs))
    this.#leftMs = Math.min(this.#burstMs, this.#leftMs + (elapsedMs / 1000) * this.#msPerSecond)
    this.#filledMs = nowMs
    return this.#leftMs > 0 && this.#pieces.take(nowMs)
  }

  /** Does a piece, and charges the time that it takes. */
  spend<T>(work: () => T): T {
    const beganMs = this.#stopwatchMs()
    try {
      return work()
    } finally {
      const tookMs = Math.max(LEAST_MS, this.#stopwatchMs() - beganMs)
      this.#leftMs = Math.max(-MAX_DEBT_SECONDS * this.#msPerSecond, this.#leftMs - tookMs)
    }
  }
}

/** Limits what peers can make us compute: all of them together, and beside that a little for each of them. */
export class PeerWorkLimit {
  readonly #all: WorkLimit
  readonly #reserve: WorkLimit

  /** @param rates of all together; the little ones of each have as much, in all */
  constructor(rates: WorkRates, stopwatchMs: () => number) {
    this.#all = new WorkLimit(rates, stopwatchMs)
    this.#reserve = new WorkLimit(rates, stopwatchMs)
  }

  /** @param own what the peer has for itself when others use up what there is for all @returns to what it is charged; undefined: not now */
  take(own: TokenBucket, nowMs: number): WorkLimit | undefined {
    if (this.#all.take(nowMs)) return this.#all
    return own.take(nowMs) && this.#reserve.take(nowMs) ? this.#reserve : undefined
  }
}
