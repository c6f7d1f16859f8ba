import { type Random, shuffled } from '../../src/core/random.ts'
import type { SimulatedNode } from './simulated-node.ts'

/** The tunnels of a network at one moment, packed: a hundred thousand nodes are walked from hundreds of them. */
export class Graph {
  /** Where the neighbours of each node begin in the list; one more at the end. */
  readonly #begin: Int32Array
  readonly #neighbours: Int32Array
  readonly #distance: Int32Array
  readonly #queue: Int32Array

  constructor(nodes: readonly SimulatedNode[]) {
    this.#begin = new Int32Array(nodes.length + 1)
    nodes.forEach(({ tunnels, clients }, index) => {
      this.#begin[index + 1] = (this.#begin[index] ?? 0) + tunnels.size + clients.size
    })
    this.#neighbours = new Int32Array(this.#begin[nodes.length] ?? 0)
    let place = 0
    for (const { tunnels, clients } of nodes) {
      for (const { index } of tunnels) this.#neighbours[place++] = index
      for (const { index } of clients) this.#neighbours[place++] = index
    }
    this.#distance = new Int32Array(nodes.length)
    this.#queue = new Int32Array(nodes.length)
  }

  /**
   * The mean of the shortest ways between two nodes, in tunnels; pairs without a way do not count.
   * @param sources from how many nodes it is measured, at random; all, if there are no more
   */
  meanDistance(sources: number, random: Random): number {
    const count = this.#queue.length
    const all = Array.from({ length: count }, (_, index) => index)
    const from = sources < count ? shuffled(random, all).slice(0, sources) : all
    const walks = from.map((start) => this.#walk(start))
    const sum = (of: (walk: (typeof walks)[number]) => number) =>
      walks.reduce((total, walk) => total + of(walk), 0)
    return sum(({ distances }) => distances) / sum(({ reached }) => reached)
  }

  /** The longest of the shortest ways from a node to all others. */
  eccentricity(start: number): number {
    return this.#walk(start).longest
  }

  /** Breadth first. */
  #walk(start: number): { readonly reached: number; readonly distances: number; readonly longest: number } {
    const [begin, neighbours, distance, queue] = [this.#begin, this.#neighbours, this.#distance, this.#queue]
    distance.fill(-1)
    distance[start] = 0
    queue[0] = start
    let [end, distances, longest] = [1, 0, 0]
    for (let head = 0; head < end; head++) {
      const node = queue[head] ?? 0
      const next = (distance[node] ?? 0) + 1
      const last = begin[node + 1] ?? 0
      for (let place = begin[node] ?? 0; place < last; place++) {
        const peer = neighbours[place] ?? 0
        if (distance[peer] !== -1) continue
        distance[peer] = next
        queue[end++] = peer
        distances += next
        longest = next
      }
    }
    return { reached: end - 1, distances, longest }
  }
}
