import { isOriginatedByNextHop, isUsable } from '../core/babel/metric.ts'
import type { Random } from '../core/random.ts'
import { pick } from '../core/random.ts'
import { type Network, type Prefix, prefixOfCidr } from '../core/values/prefix.ts'
import type { Route, Router } from './routing/router.ts'

/** What the routing table says of the network's nodes. Computed once after each change, when somebody asks. */
export class RoutedNodes {
  readonly #router: Pick<Router, 'routes'>
  readonly #network: Network
  readonly #own: Prefix
  #snapshot: Snapshot | undefined

  constructor(router: Pick<Router, 'routes'>, network: Network, own: Prefix) {
    this.#router = router
    this.#network = network
    this.#own = own
  }

  /** The routing table has changed. */
  invalidate(): void {
    this.#snapshot = undefined
  }

  isReachable(prefix: Prefix): boolean {
    return this.#current().installed.has(prefix)
  }

  /** Whether the node is one hop away. */
  isNeighbour(prefix: Prefix): boolean {
    return this.#current().neighbours.has(prefix)
  }

  sample(random: Random): Prefix | undefined {
    return pick(random, this.#current().prefixes)
  }

  /** Whether a route's destination is the subnet of a node. */
  isSubnetOf(cidr: string, prefix: Prefix): boolean {
    const subnet = prefixOfCidr(this.#network, cidr)
    return subnet.ok && subnet.value === prefix
  }

  /** How many nodes are routed over an interface. */
  countOver(iface: string): number {
    return this.#current().countByIface.get(iface) ?? 0
  }

  get size(): number {
    return this.#current().prefixes.length
  }

  #current(): Snapshot {
    this.#snapshot ??= this.#compute()
    return this.#snapshot
  }

  #compute(): Snapshot {
    const installed = new Map<Prefix, Route>()
    const neighbours = new Set<Prefix>()
    const countByIface = new Map<string, number>()
    for (const route of this.#router.routes) {
      if (!isUsable(route.metric)) continue
      const prefix = prefixOfCidr(this.#network, route.prefix)
      if (!prefix.ok || prefix.value === '' || prefix.value === this.#own) continue
      if (isOriginatedByNextHop(route)) neighbours.add(prefix.value)
      if (!route.installed) continue
      installed.set(prefix.value, route)
      countByIface.set(route.iface, (countByIface.get(route.iface) ?? 0) + 1)
    }
    return { installed, neighbours, countByIface, prefixes: [...installed.keys()] }
  }
}

interface Snapshot {
  readonly installed: ReadonlyMap<Prefix, Route>
  readonly neighbours: ReadonlySet<Prefix>
  readonly countByIface: ReadonlyMap<string, number>
  readonly prefixes: readonly Prefix[]
}
