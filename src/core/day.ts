/** A day, in milliseconds. */
export const DAY_MS = 24 * 3600 * 1000

/** The day of a moment in UTC, like `2026-11-28`. @param time milliseconds, or as `Date.toISOString` writes it */
export const dayOf = (time: number | string): string =>
  (typeof time === 'string' ? time : new Date(time).toISOString()).slice(0, 10)
