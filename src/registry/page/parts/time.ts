import { DAY_MS } from '../../../core/day.ts'
import { registryNow } from './registry-clock.ts'

/** `2026-11-28 08:15` in UTC, as in the logs; undefined stays so. */
export function dateOf(timeMs: number | undefined): string | undefined {
  if (timeMs === undefined || !Number.isFinite(timeMs)) return undefined
  return new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')
}

/** Whole days until a time; negative after it. */
export const daysLeft = (endMs: number, nowMs: number): number => Math.floor((endMs - nowMs) / DAY_MS)

/** The same of a moment as the API says it. */
export const dateOfText = (text: string): string | undefined => dateOf(Date.parse(text))

/** The moment so many days from now, as the API takes it. */
export const daysFromNow = (days: number): string => new Date(registryNow() + days * DAY_MS).toISOString()
