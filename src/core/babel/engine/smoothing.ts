import type { LinkParameters } from './ports.ts'

/**
 * Metrics averaged over time, for hysteresis (RFC 8966, A.3): the average comes half as near to the present value in each
 * half-life.
 */

/**
 * The half-life, from the hello interval: a link's round-trip time is measured as rarely, and one sample that is different
 * must not decide. With its default interval of 4 s, as babeld has it.
 */
export const halfLifeS = ({ helloIntervalMs }: Pick<LinkParameters, 'helloIntervalMs'>): number =>
  Math.min(MAX_HALF_LIFE_S, helloIntervalMs / 1000)

const MAX_HALF_LIFE_S = 30

/** The average now, that was `smoothed` at an earlier time and follows `value` since. */
export function smoothedAt(
  value: number,
  smoothed: number,
  sinceS: number,
  nowMs: number,
  halfLife: number,
): number {
  if (smoothed === value) return value
  return value + (smoothed - value) * 2 ** -(Math.max(0, nowMs / 1000 - sinceS) / halfLife)
}

/**
 * In how long one average falls below another, if neither value changes meanwhile.
 * @param behind by how much it is above it now
 * @param ahead by how much its value is below the other's
 */
export const passesInMs = (behind: number, ahead: number, halfLife: number): number =>
  1000 * halfLife * Math.log2((behind + ahead) / ahead)
