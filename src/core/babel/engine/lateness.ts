/** Of each run, so much counts: one stop is soon forgotten, and a machine that has too much to do is known after a few. */
const SHARE = 1 / 8
/** So late is every process now and then. */
const USUAL_MS = 5
/** What is later was a stop, as of a machine that was suspended: how long it was says nothing of what comes. */
const MOST_MS = 400

/**
 * How much later than planned we run, on average: on a machine with too much to do, everything that an answer passes on its way
 * (OpenVPN at both ends, the other router, ourselves) waits for a processor as long.
 */
export class Lateness {
  #meanMs = 0

  /** On average, in milliseconds. */
  get meanMs(): number {
    return this.#meanMs
  }

  /** We run now, which was due then. */
  ran(nowMs: number, dueMs: number): void {
    if (nowMs < dueMs) return
    const lateMs = Math.min(MOST_MS, Math.max(0, nowMs - dueMs - USUAL_MS))
    this.#meanMs += SHARE * (lateMs - this.#meanMs)
  }
}
