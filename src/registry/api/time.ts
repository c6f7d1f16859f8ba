import { DAY_MS } from '../../core/day.ts'
import { Refusal } from '../refusal.ts'
/** A moment as the API says it. */
export const timeOf = (unixSeconds: number): string => new Date(unixSeconds * 1000).toISOString()

const MAX_LIFE_MS = 366 * DAY_MS

/** The end of what somebody wants to give, checked, in milliseconds. @throws Refusal 400 for one that is past or too far */
export function endWithinAYear(endMs: number, nowMs: number): number {
  if (endMs > nowMs && endMs <= nowMs + MAX_LIFE_MS) return endMs
  throw new Refusal(400, 'end: must be later than now, and within a year')
}
