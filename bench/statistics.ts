/** The middle one; of two in the middle, the mean. */
export const median = (values: readonly number[]): number => {
  const ordered = [...values].sort((one, other) => one - other)
  const middle = (values.length - 1) / 2
  const [lower = Number.NaN, upper = Number.NaN] = [Math.floor(middle), Math.ceil(middle)].map(
    (i) => ordered[i],
  )
  return (lower + upper) / 2
}

/** The value below which a share of them lies; 0 when there are none. */
export const percentile = (values: readonly number[], share: number): number => {
  const ordered = [...values].sort((one, other) => one - other)
  return ordered[Math.min(ordered.length - 1, Math.floor(share * ordered.length))] ?? 0
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** The mean of ratios: of one and its inverse it is 1. @param values greater than 0 */
export const geometricMean = (values: readonly number[]): number => Math.exp(mean(values.map(Math.log)))

/** A geometric mean, and the bounds between which the true one lies with a probability of about 95 %. */
export interface RatioWithBounds {
  readonly ratio: number
  readonly low: number
  readonly high: number
}

/**
 * The geometric mean of ratios, two standard errors to each side.
 *
 * @param ratios independent of each other, a dozen at least
 */
export function ratioWithBounds(ratios: readonly number[]): RatioWithBounds {
  const logs = ratios.map(Math.log)
  const middle = mean(logs)
  const variance = logs.reduce((sum, log) => sum + (log - middle) ** 2, 0) / (logs.length - 1)
  const error = 2 * Math.sqrt(variance / logs.length)
  return { ratio: Math.exp(middle), low: Math.exp(middle - error), high: Math.exp(middle + error) }
}
