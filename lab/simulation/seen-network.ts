import type { Random } from '../../src/core/random.ts'
import { ANYONE, type NetworkView, type TunnelTarget } from '../../src/core/tunnels/decisions.ts'
import type { PeerAddress } from '../../src/core/values/address-list.ts'
import type { Prefix } from '../../src/core/values/prefix.ts'
import type { SimulatedRouting } from './routing.ts'
import { nodeOf, type SimulatedNode } from './simulated-node.ts'

const NO_ADDRESSES: readonly PeerAddress[] = []

/** What one node sees of a simulated network. */
export class SeenNetwork implements NetworkView {
  readonly #node: SimulatedNode
  readonly #nodes: readonly SimulatedNode[]
  readonly #routing: SimulatedRouting
  readonly isRouting = true

  constructor(node: SimulatedNode, nodes: readonly SimulatedNode[], routing: SimulatedRouting) {
    this.#node = node
    this.#nodes = nodes
    this.#routing = routing
  }

  get reachesAnybody(): boolean {
    return this.#routing.reachableCount(this.#node) > 0
  }

  isReachable(prefix: Prefix): boolean {
    const peer = nodeOf(this.#nodes, prefix)
    return peer !== undefined && this.#routing.isReachable(this.#node, peer)
  }

  isNeighbour(prefix: Prefix): boolean {
    const peer = nodeOf(this.#nodes, prefix)
    return peer !== undefined && (this.#node.tunnels.has(peer) || this.#node.clients.has(peer))
  }

  sampleReachable(random: Random): Prefix | undefined {
    return this.#routing.sample(this.#node, random)?.prefix
  }

  nodesOver(prefix: Prefix): number {
    const peer = nodeOf(this.#nodes, prefix)
    return peer === undefined ? 0 : this.#routing.nodesOver(this.#node, peer)
  }

  get neighbourChanges(): number {
    return this.#routing.neighbourChanges(this.#node)
  }

  /** Ways to it are counted as they are without that. */
  isTunnelDoubted(): boolean {
    return false
  }

  isTunnelUsable(target: TunnelTarget): boolean {
    return target !== ANYONE && this.#routing.isUsable(this.#node, target)
  }

  isClientUsable(prefix: Prefix): boolean {
    return this.isTunnelUsable(prefix)
  }

  addressesOf(prefix: Prefix): readonly PeerAddress[] {
    return this.#node.known.has(prefix)
      ? (nodeOf(this.#nodes, prefix)?.addresses ?? NO_ADDRESSES)
      : NO_ADDRESSES
  }

  cachedPeers(): readonly Prefix[] {
    return [...this.#node.known]
  }
}
