/** The middle one; of two in the middle, the mean. */
export const median = (values: readonly number[]): number => {
  const ordered = sorted(values)
  const middle = (values.length - 1) / 2
  const [lower = Number.NaN, upper = Number.NaN] = [Math.floor(middle), Math.ceil(middle)].map(
    (i) => ordered[i],
  )
  return (lower + upper) / 2
}

/** What is as far from a half as from the double: of ratios. @param values greater than 0 */
export const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)

/** A median, and the bounds between which the true one lies with a probability of 95 %. */
export interface MedianWithBounds {
  readonly median: number
  readonly low: number
  readonly high: number
}

/**
 * The median and its bounds, whatever the values' distribution is: the number of values below the true median is binomial.
 *
 * @param values independent, at least six
 */
export function medianWithBounds(values: readonly number[]): MedianWithBounds {
  const ordered = sorted(values)
  const rank = lowerRank(values.length)
  return {
    median: median(values),
    low: ordered[rank] ?? Number.NaN,
    high: ordered[values.length - 1 - rank] ?? Number.NaN,
  }
}

/** The greatest rank (from 0) above which the true median lies with a probability of 97.5 %. */
function lowerRank(count: number): number {
  let [probability, below, rank] = [0.5 ** count, 0.5 ** count, 0]
  while (below <= 0.025) {
    probability *= (count - rank) / (rank + 1)
    rank++
    below += probability
  }
  return Math.max(0, rank - 1)
}

const sorted = (values: readonly number[]): number[] => [...values].sort((one, other) => one - other)
