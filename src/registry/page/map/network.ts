/**
 * The network as the map shows it, as data: whoever has it (the registry's API, the demo) brings it into this form.
 * Everything here is pure.
 */

import type { MachineState } from '../../../core/values/machine-states.ts'

/** A node, as far as known. */
export interface NetworkNode {
  /** Subnet name (`12/16`): what tunnels and routes refer to. */
  readonly id: string
  /** What people call it; without one, its subnet name. */
  readonly name: string
  readonly state: MachineState
  /** The registry's own node: where the routes that are shown begin. */
  readonly registry: boolean
  readonly address?: string | undefined
  readonly email?: string | undefined
  readonly version?: string | undefined
  readonly platform?: string | undefined
  /** ISO 3166 code of two letters. */
  readonly country?: string | undefined
  readonly place?: Place | undefined
  readonly serial?: string | undefined
  readonly certificateBeginMs?: number | undefined
  readonly certificateEndMs?: number | undefined
  readonly lastSeenMs?: number | undefined
}

/** Degrees on the world's surface, east and north positive. */
export interface Place {
  readonly longitude: number
  readonly latitude: number
}

/** A tunnel, from the node that opened it to the one that accepted it. */
export interface NetworkTunnel {
  readonly client: string
  readonly server: string
  readonly protocol?: string | undefined
}

/** All that the map draws. */
export interface Network {
  readonly nodes: readonly NetworkNode[]
  readonly tunnels: readonly NetworkTunnel[]
}

/** A tunnel as one of its ends sees it. */
export interface Neighbour {
  readonly id: string
  readonly direction: 'out' | 'in'
  readonly protocol: string | undefined
}

/** The tunnels of a node: those that it opened first. */
export function neighboursOf(id: string, { tunnels }: Pick<Network, 'tunnels'>): readonly Neighbour[] {
  const out = tunnels
    .filter(({ client }) => client === id)
    .map(({ server, protocol }) => ({ id: server, direction: 'out' as const, protocol }))
  const into = tunnels
    .filter(({ server }) => server === id)
    .map(({ client, protocol }) => ({ id: client, direction: 'in' as const, protocol }))
  return [...out, ...into]
}

/** How many tunnels each node has opened, and accepted. */
export type TunnelCounts = ReadonlyMap<string, { readonly opened: number; readonly accepted: number }>

/** Of all nodes at once, which is much less than for one after the other. */
export function tunnelCounts({ tunnels }: Pick<Network, 'tunnels'>): TunnelCounts {
  const counts = new Map<string, { opened: number; accepted: number }>()
  const countsOf = (id: string) => {
    const known = counts.get(id) ?? { opened: 0, accepted: 0 }
    counts.set(id, known)
    return known
  }
  for (const { client, server } of tunnels) {
    countsOf(client).opened++
    countsOf(server).accepted++
  }
  return counts
}

/** The pairs of a route, in either direction, as keys of {@link pairKey}. */
export function pairsOnRoute(hops: readonly string[]): ReadonlySet<string> {
  return new Set(hops.slice(1).map((hop, at) => pairKey(hops[at] ?? hop, hop)))
}

/** One key for two nodes, whichever is named first. */
export const pairKey = (one: string, other: string): string =>
  one < other ? `${one} ${other}` : `${other} ${one}`
