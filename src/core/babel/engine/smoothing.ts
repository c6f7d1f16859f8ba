/**
 * Metrics averaged over time, for hysteresis (RFC 8966, A.3): the average comes half as near to the present value in each
 * half-life. Values are whole numbers, times seconds with fractions of 1/64 at most.
 */

/** babeld's own. */
const HALF_LIFE_S = 4

/** The average now, that was `smoothed` at an earlier time and follows `value` since. */
export function smoothedAt(value: number, smoothed: number, sinceS: number, nowMs: number): number {
  if (smoothed === value) return value
  const ages = Math.max(0, nowMs / 1000 - sinceS) / HALF_LIFE_S
  return value + (smoothed - value) * 2 ** -ages
}
