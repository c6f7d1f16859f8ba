import type { Random } from '../random.ts'

/** Delays of asking the registry again, while we are cut off. */
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 60_000
/** Others are cut off with us: not all ask at once. */
const SPREAD_MS = 15_000

/** When the registry is asked for a peer: while we are cut off from the part of the network that has its node. */
export class Bootstrap {
  readonly #random: Random
  #nextMs: number | undefined
  #isAsking = false
  #delayMs = RETRY_MIN_MS

  constructor(random: Random) {
    this.#random = random
  }

  /** When it may be due, if we are cut off; infinity: not before something happens. */
  get nextMs(): number {
    return this.#isAsking ? Number.POSITIVE_INFINITY : (this.#nextMs ?? Number.POSITIVE_INFINITY)
  }

  /** We are not cut off. */
  connected(): void {
    this.#nextMs = undefined
    this.#delayMs = RETRY_MIN_MS
  }

  /** What failed may work now: asked at once, if we are cut off. */
  again(): void {
    this.#nextMs = Number.NEGATIVE_INFINITY
    this.#delayMs = RETRY_MIN_MS
  }

  /** We are cut off. @param isAlone whether there is no tunnel at all @returns whether to ask now: that is begun with it */
  begin(isAlone: boolean, nowMs: number): boolean {
    if (this.#isAsking) return false
    // Alone: at once. With others: at a random time, unless it is the start of all.
    this.#nextMs ??= isAlone ? nowMs : nowMs + this.#random.next() * SPREAD_MS
    if (nowMs < this.#nextMs) return false
    this.#nextMs = nowMs
    this.#isAsking = true
    return true
  }

  /** The registry answered, or could not be asked. */
  answered(nowMs: number): void {
    this.#isAsking = false
    // Something has changed since it was asked.
    if (this.#nextMs === Number.NEGATIVE_INFINITY) return
    this.#nextMs = nowMs + this.#delayMs * (0.5 + this.#random.next())
    this.#delayMs = Math.min(2 * this.#delayMs, RETRY_MAX_MS)
  }
}
