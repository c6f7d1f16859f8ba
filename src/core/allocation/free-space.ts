/*
 * Free prefixes of the network's binary tree (protocol, section 9). Used and free prefixes together are always a
 * partition of the network: no prefix lies inside another.
 */

/** Bits of a prefix's brother: the other half of the prefix above. */
const siblingOf = (prefix: string): string => prefix.slice(0, -1) + (prefix.endsWith('0') ? '1' : '0')

/** What an allocation takes and leaves. */
export interface Allocation {
  readonly prefix: string
  /** The free prefix that was split, or taken whole. */
  readonly taken: string
  /** Free prefixes that are left of it. */
  readonly left: readonly string[]
}

/** The free prefixes, found by length and by place in a time that does not depend on how many are used. */
export class FreeSpace {
  /** By length: sorted. */
  readonly #byLength = new Map<number, string[]>()

  constructor(free: Iterable<string> = []) {
    for (const prefix of free) this.add(prefix)
  }

  /** All free prefixes. */
  *[Symbol.iterator](): Iterator<string> {
    for (const prefixes of this.#byLength.values()) yield* prefixes
  }

  has(prefix: string): boolean {
    const prefixes = this.#byLength.get(prefix.length) ?? []
    return prefixes[placeOf(prefixes, prefix)] === prefix
  }

  add(prefix: string): void {
    const prefixes = this.#byLength.get(prefix.length)
    if (prefixes) prefixes.splice(placeOf(prefixes, prefix), 0, prefix)
    else this.#byLength.set(prefix.length, [prefix])
  }

  delete(prefix: string): void {
    const prefixes = this.#byLength.get(prefix.length)
    if (prefixes && this.has(prefix)) prefixes.splice(placeOf(prefixes, prefix), 1)
  }

  /**
   * Takes a prefix of `length` bits after the community's. Of the free prefixes inside the community that are not too
   * long, the longest is split, so that large ones stay whole; among equals the first. If there is none, the free
   * prefix around the community is split.
   * @returns undefined if the community is exhausted
   */
  allocate(community: string, length: number): Allocation | undefined {
    const target = community.length + length
    const taken = this.#longestInside(community, target) ?? this.#around(community)
    if (taken === undefined) return undefined
    const left: string[] = []
    let prefix = taken
    while (prefix.length < target) {
      const bit = prefix.length < community.length ? community[prefix.length] : '0'
      left.push(prefix + (bit === '0' ? '1' : '0'))
      prefix += bit
    }
    this.delete(taken)
    for (const free of left) this.add(free)
    return { prefix, taken, left }
  }

  /**
   * Merges free siblings, longest first, repeatedly.
   * @returns the prefixes that are no longer there, and the ones that came
   */
  merge(): { readonly removed: readonly string[]; readonly added: readonly string[] } {
    const removed = new Set<string>()
    const added = new Set<string>()
    for (let length = Math.max(0, ...this.#byLength.keys()); length > 0; length--) {
      for (const prefix of [...(this.#byLength.get(length) ?? [])]) {
        if (!prefix.endsWith('0') || !this.has(siblingOf(prefix))) continue
        const above = prefix.slice(0, -1)
        for (const half of [prefix, siblingOf(prefix)]) {
          this.delete(half)
          // One that came in a merge before leaves no trace.
          if (!added.delete(half)) removed.add(half)
        }
        this.add(above)
        added.add(above)
      }
    }
    return { removed: [...removed], added: [...added] }
  }

  #longestInside(community: string, maxLength: number): string | undefined {
    for (let length = maxLength; length >= community.length; length--) {
      const prefixes = this.#byLength.get(length) ?? []
      const found = prefixes[placeOf(prefixes, community.padEnd(length, '0'))]
      if (found?.startsWith(community)) return found
    }
    return undefined
  }

  #around(community: string): string | undefined {
    for (let length = community.length - 1; length >= 0; length--) {
      const prefix = community.slice(0, length)
      if (this.has(prefix)) return prefix
    }
    return undefined
  }
}

/** Index of the first element that is not before `prefix`. */
function placeOf(sorted: readonly string[], prefix: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? '') < prefix) low = middle + 1
    else high = middle
  }
  return low
}
