import { describe, expect, test } from 'vitest'
import { agoOf, dateOf, utcOf } from '../../../../../src/registry/page/parts/time.ts'

const NOW = Date.UTC(2026, 10, 29, 13)
const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000]

describe('times for people', () => {
  test.each([
    [0, 'just now'],
    [-59_999, 'just now'],
    [-MINUTE, '1 minute ago'],
    [-89 * MINUTE, '89 minutes ago'],
    [-90 * MINUTE, '1 hour ago'],
    [-35 * HOUR, '35 hours ago'],
    [-36 * HOUR, '1 day ago'],
    [-400 * DAY, '400 days ago'],
    [-1_200 * DAY, '3 years ago'],
    [30_000, 'in less than a minute'],
    [14 * DAY - 1, 'in 13 days'],
    [14 * DAY, 'in 14 days'],
  ])('%i ms from now: %s', (distance, words) => {
    expect(agoOf(NOW + distance, NOW)).toBe(words)
  })

  test('a date is that of this browser, and in UTC where it is said', () => {
    const at = new Date(2026, 0, 5, 7, 3)
    expect(dateOf(at.getTime())).toBe('2026-01-05 07:03')
    expect(utcOf(NOW)).toBe('2026-11-29 13:00 UTC')
    expect(dateOf(Number.NaN)).toBeUndefined()
  })
})
