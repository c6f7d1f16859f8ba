import { describe, expect, it } from 'vitest'
import { geometricMean, median, medianWithBounds } from '../../../bench/statistics.ts'
import { seededRandom } from '../../support/random.ts'

it('a geometric mean is one that a ratio and its inverse leave where it is', () => {
  expect(geometricMean([0.5, 2])).toBeCloseTo(1, 12)
  expect(geometricMean([1, 10, 100])).toBeCloseTo(10, 12)
})

describe('a median with its bounds', () => {
  it('is the middle value, and the values that the binomial distribution names', () => {
    const values = Array.from({ length: 30 }, (_, index) => 30 - index)
    // Of thirty values, nine or fewer lie below the true median with a probability of 2.1 %, ten or fewer with one of 4.9 %.
    expect(medianWithBounds(values)).toEqual({ median: 15.5, low: 10, high: 21 })
    expect(medianWithBounds([6, 5, 4, 3, 2, 1])).toEqual({ median: 3.5, low: 1, high: 6 })
    expect(median([3, 1, 2])).toBe(2)
  })

  it('has the true median inside in 95 of 100 samples, whatever is drawn', () => {
    const random = seededRandom(1)
    const inside = Array.from({ length: 2_000 }, () => {
      const { low, high } = medianWithBounds(Array.from({ length: 30 }, () => random.next() ** 3))
      return low <= 0.125 && 0.125 <= high
    }).filter(Boolean).length
    expect(inside / 2_000).toBeGreaterThan(0.94)
    expect(inside / 2_000).toBeLessThan(0.98)
  })
})
