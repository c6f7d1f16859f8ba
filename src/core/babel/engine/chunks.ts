/** The next `count` of what there is, or fewer at its end. */
export function take<T>(from: Iterator<T>, count: number): T[] {
  const taken: T[] = []
  while (taken.length < count) {
    const { value, done } = from.next()
    if (done) break
    taken.push(value)
  }
  return taken
}

/** Takes the first ones out of a set. */
export function takeFirst<T>(set: Set<T>, count: number): T[] {
  const first = take(set.values(), count)
  for (const item of first) set.delete(item)
  return first
}

/** Parts of at most `size`, in order. */
export function* chunksOf<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
