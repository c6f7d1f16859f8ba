import { TokenBucket } from '../../token-bucket.ts'

/** Running so much later than planned means that we were stopped, or busy. */
export const LATE_MS = 50
/** So many times as long may it take to read what came meanwhile, within these bounds. */
const CATCHING_UP = { factor: 2, maxMs: 500 } as const
/**
 * How often it is waited for what may be there and not be read yet. On a machine so loaded that every run is late, that
 * would otherwise be always: whoever is gone would never be missed.
 */
const AT_ONCE = 8
const PER_SECOND = 0.2

/** For how long answers may be there and not be read yet, after a time in which we did not run. */
export class CatchUps {
  readonly #left = new TokenBucket(PER_SECOND, AT_ONCE)

  /** @param dueMs when what is done now was due; @returns negative infinity: there is nothing to wait for */
  untilMs(nowMs: number, dueMs: number): number {
    const lateMs = nowMs - dueMs
    if (lateMs <= LATE_MS || !this.#left.take(nowMs)) return Number.NEGATIVE_INFINITY
    return nowMs + Math.min(CATCHING_UP.factor * lateMs, CATCHING_UP.maxMs)
  }
}
