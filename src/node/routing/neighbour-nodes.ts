import { isOriginatedByNextHop, isUsable } from '../../core/babeld/metric.ts'
import { type Network, type Prefix, prefixOfCidr } from '../../core/values/prefix.ts'
import type { Route, Router, RoutingChange } from './router.ts'

/** Who is in the network can announce as many subnets as it likes. */
const MAX_ROUTES = 2_000

/**
 * The nodes that are one hop away, over a tunnel or a LAN, kept up to date route by route: there may be very many
 * routes, and few of them are a neighbour's own.
 */
export class NeighbourNodes implements Disposable {
  readonly #network: Network
  readonly #own: Prefix
  readonly #onNew: (prefix: Prefix) => void
  /** By next hop and destination. */
  readonly #routes = new Map<string, Prefix>()
  readonly #watching: Disposable

  /** @param onNew called when a node becomes a neighbour: a moment later, packets reach it */
  constructor(router: Pick<Router, 'watch'>, network: Network, own: Prefix, onNew: (prefix: Prefix) => void) {
    this.#network = network
    this.#own = own
    this.#onNew = onNew
    this.#watching = router.watch((change) => this.#changed(change))
  }

  /** The neighbours, each once. */
  prefixes(): readonly Prefix[] {
    return [...new Set(this.#routes.values())]
  }

  #changed(change: RoutingChange): void {
    if (change.kind === 'restarted') return this.#routes.clear()
    if (change.kind !== 'route') return
    const { route } = change
    const key = `${route.via}%${route.iface} ${route.prefix}`
    const known = this.#routes.get(key)
    const neighbour = change.change === 'flushed' ? undefined : this.#originatorOf(route)
    if (neighbour === known) return
    this.#routes.delete(key)
    if (neighbour === undefined || this.#routes.size >= MAX_ROUTES) return
    const isNew = !this.prefixes().includes(neighbour)
    this.#routes.set(key, neighbour)
    if (isNew) this.#onNew(neighbour)
  }

  /** The neighbour that the route leads to. */
  #originatorOf(route: Route): Prefix | undefined {
    if (!isOriginatedByNextHop(route) || !isUsable(route.metric)) return undefined
    const node = prefixOfCidr(this.#network, route.prefix)
    return node.ok && node.value !== '' && node.value !== this.#own ? node.value : undefined
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]()
  }
}
