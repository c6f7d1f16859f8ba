import type { Random } from '../../../src/core/random.ts'
import type { Prefix } from '../../../src/core/values/prefix.ts'
import { partsRouting } from '../parts-routing.ts'
import type { RoutingOf, SimulatedRouting } from '../routing.ts'
import type { SimulatedNode } from '../simulated-node.ts'
import { EngineRouting } from './engine-routing.ts'

/**
 * The daemon's own engine on every node of a large network, with the subnets of some nodes, spread evenly, as destinations.
 *
 * Routes to one subnet never depend on those to another (RFC 8966, 2), while the room and the time that all take together grow
 * with the square of the nodes: those that are announced are routed as they would be among all. Of the others is known which
 * part of the network they are in, which is what the tunnel policy asks.
 */
export class SampledRouting implements SimulatedRouting {
  readonly engines: EngineRouting
  /** Whose subnets are announced. The first node, that of the registry, always is one of them. */
  readonly destinations: ReadonlySet<SimulatedNode>
  readonly #parts: SimulatedRouting
  readonly #nodes: number

  /** @param count how many destinations there are, at most as many as nodes */
  constructor(init: Parameters<RoutingOf>[0], count: number) {
    const { nodes } = init
    this.#nodes = nodes.length
    this.destinations = new Set(
      Array.from({ length: count }, (_, at) => nodes[Math.floor((at * nodes.length) / count)]).filter(
        (node) => node !== undefined,
      ),
    )
    this.engines = new EngineRouting(init, (node) => this.destinations.has(node))
    this.#parts = partsRouting(init)
  }

  /** Whether a node has a route to each destination. */
  isRouted(from: SimulatedNode): boolean {
    return (
      this.engines.reachableCount(from) === this.destinations.size - (this.destinations.has(from) ? 1 : 0)
    )
  }

  connected(client: SimulatedNode, server: SimulatedNode): void {
    this.engines.connected(client, server)
    this.#parts.connected(client, server)
  }

  disconnected(client: SimulatedNode, server: SimulatedNode): void {
    this.engines.disconnected(client, server)
    this.#parts.disconnected(client, server)
  }

  died(node: SimulatedNode): void {
    this.engines.died(node)
    this.#parts.died(node)
  }

  isReachable(from: SimulatedNode, to: SimulatedNode): boolean {
    return (this.destinations.has(to) ? this.engines : this.#parts).isReachable(from, to)
  }

  reachableCount(from: SimulatedNode): number {
    return this.#parts.reachableCount(from)
  }

  sample(from: SimulatedNode, random: Random): SimulatedNode | undefined {
    return this.#parts.sample(from, random)
  }

  nodesOver(from: SimulatedNode, peer: SimulatedNode): number {
    return Math.round((this.engines.nodesOver(from, peer) * this.#nodes) / this.destinations.size)
  }

  neighbourChanges(from: SimulatedNode): number {
    return this.engines.neighbourChanges(from)
  }

  isUsable(from: SimulatedNode, prefix: Prefix): boolean {
    return this.engines.isUsable(from, prefix)
  }
}
