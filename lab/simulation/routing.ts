import type { Random } from '../../src/core/random.ts'
import type { Prefix } from '../../src/core/values/prefix.ts'
import type { EventQueue } from './event-queue.ts'
import type { Links } from './links.ts'
import type { SimulatedNode } from './simulated-node.ts'

/** What nodes of a simulated network know of routes. It is told of tunnels, and tells who sees something new. */
export interface SimulatedRouting {
  /** A tunnel is up. */
  connected(client: SimulatedNode, server: SimulatedNode): void
  /** A tunnel has ended, on both sides. */
  disconnected(client: SimulatedNode, server: SimulatedNode): void
  /** A node has lost its power. Its tunnels end when others notice. */
  died(node: SimulatedNode): void
  /** Whether a node has a route to another one. */
  isReachable(from: SimulatedNode, to: SimulatedNode): boolean
  /** To how many others a node has a route. */
  reachableCount(from: SimulatedNode): number
  /** One to which it has a route, at random. */
  sample(from: SimulatedNode, random: Random): SimulatedNode | undefined
  /** How many nodes are routed over the tunnel that a node has made to a peer. */
  nodesOver(from: SimulatedNode, peer: SimulatedNode): number
  /** Another number whenever {@link isUsable} may answer otherwise for a node than before. */
  neighbourChanges(from: SimulatedNode): number
  /** Whether routing has a usable neighbour behind a tunnel, in either direction. */
  isUsable(from: SimulatedNode, peer: Prefix): boolean
}

/** Makes the routing of a network. @param onChange whoever sees something new now */
export type RoutingOf = (init: {
  readonly nodes: readonly SimulatedNode[]
  readonly links: Links
  readonly random: Random
  readonly queue: EventQueue
  readonly onChange: (node: SimulatedNode) => void
}) => SimulatedRouting
