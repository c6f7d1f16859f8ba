import { isOriginatedByNextHop, isUsable } from '../babel/metric.ts'
import { type Network, type Prefix, prefixOfCidr } from '../values/prefix.ts'

/** What of a route says who its next hop is. */
export interface NeighbourRoute {
  /** Destination in CIDR notation. */
  readonly prefix: string
  readonly metric: number
  /** Metric as the next hop announced it. */
  readonly refmetric: number
}

/** The node whose subnet a destination is; undefined: it is none, or the whole network. */
export function nodeOfDestination(network: Network, destination: string): Prefix | undefined {
  const node = prefixOfCidr(network, destination)
  return node.ok && node.value !== '' ? node.value : undefined
}

/** The node that is the next hop of a route, if the route says so: it can be used, and leads to its own subnet. */
export const neighbourOfRoute = (network: Network, route: NeighbourRoute): Prefix | undefined =>
  isOriginatedByNextHop(route) && isUsable(route.metric)
    ? nodeOfDestination(network, route.prefix)
    : undefined
