/** Limits a rate: `perSecond` on average, up to `burst` at once. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #filledMs: number | undefined

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
  }

  /** Takes a token if there is one. */
  take(nowMs: number): boolean {
    const elapsedMs = Math.max(0, nowMs - (this.#filledMs ?? nowMs))
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs / 1000) * this.#perSecond)
    this.#filledMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** What was taken need not have been. */
  giveBack(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + 1)
  }

  /** Whether there is a token; it stays. */
  has(nowMs: number): boolean {
    return this.waitMs(nowMs) === 0
  }

  /** How long it takes until there is one, if nobody takes any. */
  waitMs(nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - (this.#filledMs ?? nowMs))
    const tokens = Math.min(this.#burst, this.#tokens + (elapsedMs / 1000) * this.#perSecond)
    return Math.max(0, Math.ceil(((1 - tokens) / this.#perSecond) * 1000))
  }

  /** Whether nothing was taken for so long that it is full again. */
  isFull(nowMs: number): boolean {
    return this.#filledMs === undefined || (nowMs - this.#filledMs) / 1000 >= this.#burst / this.#perSecond
  }
}
