/** Randomness for decisions (which peer, when), passed in so that a test can repeat it. Never for secrets. */
export interface Random {
  /** A number in [0, 1). */
  next(): number
}

/** One element at random. */
export const pick = <T>(random: Random, from: readonly T[]): T | undefined =>
  from[Math.floor(random.next() * from.length)]

/** A copy in random order (Fisher-Yates). */
export function shuffled<T>(random: Random, from: readonly T[]): T[] {
  const result = [...from]
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random.next() * (last + 1))
    const moved = result[last] as T
    result[last] = result[other] as T
    result[other] = moved
  }
  return result
}
