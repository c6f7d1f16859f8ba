import { describe, expect, it } from 'vitest'
import { geometricMean, median, percentile, ratioWithBounds } from '../../../bench/statistics.ts'
import { seededRandom } from '../../support/random.ts'

it('a median is the middle value, or the mean of the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
})

it('a geometric mean is one that a ratio and its inverse leave where it is', () => {
  expect(geometricMean([0.5, 2])).toBeCloseTo(1, 12)
  expect(geometricMean([1, 10, 100])).toBeCloseTo(10, 12)
})

describe('a ratio with its bounds', () => {
  it('is the geometric mean, and two standard errors to each side', () => {
    const { ratio, low, high } = ratioWithBounds([0.5, 2, 0.5, 2])
    expect(ratio).toBeCloseTo(1, 12)
    // The logarithms are 0.693 away from their mean, with a standard deviation of 0.693 · √(4/3), an error of half of it.
    expect(high).toBeCloseTo(Math.exp(Math.LN2 * Math.sqrt(4 / 3)), 12)
    expect(low * high).toBeCloseTo(1, 12)
  })

  it('has the true ratio inside in about 95 of 100 samples, also of what has two values', () => {
    const random = seededRandom(1)
    const inside = Array.from({ length: 2_000 }, () => {
      const sample = Array.from({ length: 24 }, () => (random.next() < 0.5 ? 0.9 : 1 / 0.9))
      const { low, high } = ratioWithBounds(sample)
      return low <= 1 && 1 <= high
    }).filter(Boolean).length
    expect(inside / 2_000).toBeGreaterThan(0.92)
    expect(inside / 2_000).toBeLessThan(0.98)
  })
})

it('a percentile is a value below which that share of them lies', () => {
  const values = Array.from({ length: 100 }, (_, number) => 100 - number)
  expect([0, 0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([1, 51, 100, 100])
  expect(percentile([], 0.5)).toBe(0)
})
