import type { Random } from '../../src/core/random.ts'
import type { Links } from './links.ts'

const NONE = -1

/** The parts of a network in which all nodes can reach each other. Dead nodes are in none. Nodes are named by index. */
export class Parts {
  /** Of each node, one that stands for its part. */
  readonly #root: Int32Array
  /** By that one: how many are in the part, and where its members stand in the list. */
  readonly #size: Int32Array
  readonly #begin: Int32Array
  readonly #members: Int32Array

  /** @param root of each node, the one that stands for its part, which stands for itself; -1: in none */
  constructor(root: Int32Array) {
    this.#root = root
    this.#size = new Int32Array(root.length)
    this.#begin = new Int32Array(root.length)
    let count = 0
    for (const of of root) if (of !== NONE) this.#size[of] = (this.#size[of] ?? 0) + 1
    for (let index = 0; index < root.length; index++) {
      this.#begin[index] = count
      count += this.#size[index] ?? 0
    }
    this.#members = new Int32Array(count)
    const next = this.#begin.slice()
    for (let index = 0; index < root.length; index++) {
      const of = root[index] ?? NONE
      if (of === NONE) continue
      const place = next[of] ?? 0
      this.#members[place] = index
      next[of] = place + 1
    }
  }

  areTogether(one: number, other: number): boolean {
    const root = this.#root[one] ?? NONE
    return root !== NONE && root === this.#root[other]
  }

  /** How many nodes are in the part of this one, with itself. */
  sizeOf(index: number): number {
    const root = this.#root[index] ?? NONE
    return root === NONE ? 0 : (this.#size[root] ?? 0)
  }

  /** One of the part of this one, at random; also itself. */
  sample(index: number, random: Random): number | undefined {
    const root = this.#root[index] ?? NONE
    if (root === NONE) return undefined
    return this.#members[(this.#begin[root] ?? 0) + Math.floor(random.next() * (this.#size[root] ?? 0))]
  }

  /** Sizes of all parts, the largest first. */
  sizes(): number[] {
    return [...this.#size].filter((size) => size > 0).sort((one, other) => other - one)
  }

  /** Nodes that are together with others than before. */
  *changedSince(before: Parts): Generator<number> {
    for (let root = 0; root < this.#root.length; root++) {
      const size = this.#size[root] ?? 0
      const begin = this.#begin[root] ?? 0
      const members = this.#members.subarray(begin, begin + size)
      const isSame = members.every(
        (index) => before.areTogether(index, root) && before.sizeOf(index) === size,
      )
      if (!isSame) yield* members
    }
  }
}

/**
 * The parts of a network as it is now.
 * @param isLeft which nodes are looked at
 */
export function partsOf(links: Links, isLeft: (index: number) => boolean): Parts {
  const parent = new Int32Array(links.nodes)
  for (let index = 0; index < parent.length; index++) parent[index] = isLeft(index) ? index : NONE
  const rootOf = (start: number): number => {
    let index = start
    for (let above = parent[index] ?? index; above !== index; above = parent[index] ?? index) {
      // Each look makes the way shorter for the next one.
      const next = parent[above] ?? above
      parent[index] = next
      index = next
    }
    return index
  }
  for (let index = 0; index < parent.length; index++) {
    if (parent[index] === NONE) continue
    const count = links.count(index)
    for (let at = 0; at < count; at++) {
      const peer = links.peer(index, at)
      if (parent[peer] !== NONE) parent[rootOf(peer)] = rootOf(index)
    }
  }
  return new Parts(parent.map((above, index) => (above === NONE ? NONE : rootOf(index))))
}
