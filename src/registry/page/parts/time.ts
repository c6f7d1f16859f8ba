import { DAY_MS } from '../../../core/day.ts'
import { registryNow } from './registry-clock.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const YEAR_MS = 365.25 * DAY_MS

/** The units that times are said in, the largest first: one is used from so long on. */
const UNITS = [
  { unit: 'year', from: 3 * YEAR_MS, ms: YEAR_MS },
  { unit: 'day', from: 1.5 * DAY_MS, ms: DAY_MS },
  { unit: 'hour', from: 1.5 * HOUR_MS, ms: HOUR_MS },
  { unit: 'minute', from: MINUTE_MS, ms: MINUTE_MS },
  { unit: 'second', from: 0, ms: SECOND_MS },
] as const

const inWords = new Intl.RelativeTimeFormat('en')

/** `3 hours ago`, `in 12 days`: whole units, never more than have passed. */
export function agoOf(timeMs: number, nowMs: number): string {
  const distance = timeMs - nowMs
  const { unit, ms } = UNITS.find(({ from }) => Math.abs(distance) >= from) ?? UNITS[4]
  if (unit === 'second') return distance > 0 ? 'in less than a minute' : 'just now'
  return inWords.format(Math.trunc(distance / ms), unit)
}

/** `2026-11-28 08:15` where this browser is; undefined stays so. */
export function dateOf(timeMs: number | undefined): string | undefined {
  if (timeMs === undefined || !Number.isFinite(timeMs)) return undefined
  const at = new Date(timeMs)
  const two = (number: number) => String(number).padStart(2, '0')
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`
}

/** The same in UTC, as in the logs. */
export const utcOf = (timeMs: number): string =>
  `${new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`

/** Whole days until a time; negative after it. */
export const daysLeft = (endMs: number, nowMs: number): number => Math.floor((endMs - nowMs) / DAY_MS)

/** The moment so many days from now, as the API takes it. */
export const daysFromNow = (days: number): string => new Date(registryNow() + days * DAY_MS).toISOString()

/** In which zone this browser has its times: `Europe/Paris, UTC+1`. */
export function zoneOf(nowMs: number): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  const minutes = -new Date(nowMs).getTimezoneOffset()
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60]
  const offset =
    minutes === 0
      ? 'UTC'
      : `UTC${minutes < 0 ? '−' : '+'}${hours}${rest === 0 ? '' : `:${String(rest).padStart(2, '0')}`}`
  return timeZone === offset ? offset : `${timeZone}, ${offset}`
}
