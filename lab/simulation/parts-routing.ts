import type { Random } from '../../src/core/random.ts'
import { type Parts, partsOf } from './parts.ts'
import type { RoutingOf, SimulatedRouting } from './routing.ts'
import type { SimulatedNode } from './simulated-node.ts'

/** How long routes take to spread through the network after a change. */
const ROUTES_SPREAD_MS = 5_000
/** Nodes hear of a change one after another. */
const HEARD_WITHIN_MS = 1_000

/**
 * In place of routing: the parts in which nodes can reach each other, known to all of them a few seconds after a change.
 * It knows no metrics; a network of a hundred thousand nodes has no room for so many tables.
 */
class PartsRouting implements SimulatedRouting {
  readonly #init: Parameters<RoutingOf>[0]
  #parts: Parts
  #isDue = false

  constructor(init: Parameters<RoutingOf>[0]) {
    this.#init = init
    this.#parts = this.#look()
  }

  connected(): void {
    this.#changed()
  }

  disconnected(): void {
    this.#changed()
  }

  died(): void {
    this.#changed()
  }

  isReachable(from: SimulatedNode, to: SimulatedNode): boolean {
    return from !== to && this.#parts.areTogether(from.index, to.index)
  }

  reachableCount(from: SimulatedNode): number {
    return Math.max(0, this.#parts.sizeOf(from.index) - 1)
  }

  sample(from: SimulatedNode, random: Random): SimulatedNode | undefined {
    const index = this.#parts.sample(from.index, random)
    return index === from.index || index === undefined ? undefined : this.#init.nodes[index]
  }

  /** Drawn once for each pair: that some tunnel is the least useful is all that counts here. */
  nodesOver(from: SimulatedNode, peer: SimulatedNode): number {
    return Math.imul(Math.imul(from.index + 1, 0x9e3779b1) ^ peer.index, 0x85ebca6b) >>> 16
  }

  neighbourChanges(): number {
    return 0
  }

  /** Of a dead node, routing notices it as late as the tunnel does. */
  isUsable(): boolean {
    return true
  }

  #look(): Parts {
    const { links, nodes } = this.#init
    return partsOf(links, (index) => nodes[index]?.isAlive === true)
  }

  #changed(): void {
    if (this.#isDue) return
    this.#isDue = true
    const { nodes, random, queue, onChange } = this.#init
    queue.after(ROUTES_SPREAD_MS, () => {
      this.#isDue = false
      const before = this.#parts
      this.#parts = this.#look()
      for (const index of this.#parts.changedSince(before)) {
        const node = nodes[index]
        if (node?.isAlive) queue.after(random.next() * HEARD_WITHIN_MS, () => onChange(node))
      }
    })
  }
}

/** Every node reaches whoever is in its part of the network. */
export const partsRouting: RoutingOf = (init) => new PartsRouting(init)
