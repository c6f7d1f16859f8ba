/** The values that a question is answered with yes for, in their order: one is asked after another. */
export async function filterAsync<T>(
  values: readonly T[],
  predicate: (value: T) => Promise<boolean>,
): Promise<T[]> {
  const kept: T[] = []
  for (const value of values) if (await predicate(value)) kept.push(value)
  return kept
}
