/** Running so much later than planned means that we were stopped, or busy. */
export const LATE_MS = 50
/** So many times as long may it take to read what came meanwhile, within these bounds. */
const CATCHING_UP = { factor: 2, maxMs: 500 } as const

/**
 * Until when answers may be there and not be read yet, where what is done now was due so long ago that we did not run in
 * between; undefined: we did.
 */
export const catchingUpUntil = (nowMs: number, dueMs: number): number | undefined =>
  nowMs > dueMs + LATE_MS
    ? nowMs + Math.min(CATCHING_UP.factor * (nowMs - dueMs), CATCHING_UP.maxMs)
    : undefined
