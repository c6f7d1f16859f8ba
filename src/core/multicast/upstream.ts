import { isUsable } from '../babel/metric.ts'
import { type NeighbourRoute, neighbourOfRoute } from '../routes/destination.ts'
import { bitsInside, type Network, type Prefix, subnetCidr } from '../values/prefix.ts'

/** What is used of a route (RFC 8966, 3.2.6). */
export interface UnicastRoute extends NeighbourRoute {
  readonly installed: boolean
  /** Link-local address of the next hop. */
  readonly via: string
  readonly iface: string
}

/** The neighbour from which the packets of a source come (RFC 7761 calls it the RPF neighbour). */
export interface Upstream {
  readonly peer: Prefix
  readonly iface: string
  /** Its link-local address. */
  readonly via: string
}

/** Routes to nodes by destination, and which node is which next hop. */
export interface NodeRoutes {
  /** Nodes that are one hop away. */
  readonly neighbours: ReadonlySet<Prefix>
  upstreamOf(source: string): Upstream | undefined
}

interface Surroundings {
  readonly network: Network
  /** Nodes that route multicast. */
  readonly takesPart: (peer: Prefix) => boolean
  readonly isLan: (iface: string) => boolean
}

interface Candidate extends Upstream {
  readonly route: UnicastRoute
}

/**
 * Reads the unicast routes. A source's packets come by the way that packets to it would take. Where the next hop does
 * not route multicast, by a neighbour that does and is nearer to the source than we are: that makes no loops
 * (RFC 8966, 2.4). On a LAN all nodes must choose the same neighbour, or packets come twice: the one nearest to the
 * source.
 */
export function readNodeRoutes(
  routes: readonly UnicastRoute[],
  { network, takesPart, isLan }: Surroundings,
): NodeRoutes {
  // There may be very many routes, and few sources: as little as possible is done for each route.
  const lengths = new Set<number>()
  const nodeAt = new Map<string, Prefix>()
  for (const route of routes) {
    lengths.add(Number(route.prefix.slice(route.prefix.indexOf('/') + 1)))
    const neighbour = neighbourOfRoute(network, route)
    if (neighbour !== undefined) nodeAt.set(nextHopKey(route), neighbour)
  }
  return {
    neighbours: new Set(nodeAt.values()),
    upstreamOf(source) {
      const inside = bitsInside(network, source)
      if (!inside.ok) return undefined
      const subnets = new Set(
        [...lengths]
          .filter((length) => length > network.length)
          .map((length) => subnetCidr(network, inside.value.slice(0, length - network.length) as Prefix)),
      )
      const all = routes
        .filter(({ prefix, metric }) => subnets.has(prefix) && isUsable(metric))
        .flatMap((route): Candidate[] => {
          const peer = nodeAt.get(nextHopKey(route))
          return peer === undefined ? [] : [{ peer, iface: route.iface, via: route.via, route }]
        })
      const installed = all.find(({ route }) => route.installed)
      if (!installed) return undefined
      const able = all.filter(({ peer }) => takesPart(peer))
      const best = bestOf(able, installed, isLan)
      return best && { peer: best.peer, iface: best.iface, via: best.via }
    },
  }
}

function bestOf(
  able: readonly Candidate[],
  installed: Candidate,
  isLan: (iface: string) => boolean,
): Candidate | undefined {
  const onLan = isLan(installed.iface) ? able.filter(({ iface }) => iface === installed.iface) : []
  if (onLan.length > 0) return onLan.reduce((best, each) => (isBefore(each, best, 'refmetric') ? each : best))
  if (able.includes(installed)) return installed
  return able
    .filter(({ route }) => route.refmetric < installed.route.metric)
    .reduce<Candidate | undefined>(
      (best, each) => (best === undefined || isBefore(each, best, 'metric') ? each : best),
      undefined,
    )
}

const isBefore = (one: Candidate, other: Candidate, by: 'metric' | 'refmetric'): boolean =>
  one.route[by] < other.route[by] || (one.route[by] === other.route[by] && one.via < other.via)

const nextHopKey = ({ via, iface }: UnicastRoute): string => `${via}%${iface}`
