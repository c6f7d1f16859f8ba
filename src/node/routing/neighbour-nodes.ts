import { neighbourOfRoute } from '../../core/routes/destination.ts'
import type { Network, Prefix } from '../../core/values/prefix.ts'
import type { Route, Router, RoutingChange } from './router.ts'

/** Whoever is in the network can announce as many subnets as it likes: only so many of each neighbour are looked at. */
const MAX_OF_NEIGHBOUR = 8
/** A peer may also speak from as many addresses as it likes: only so many neighbours count on each interface. */
const MAX_NEIGHBOURS = 1_000

/**
 * The nodes that are one hop away, over a tunnel or a LAN, kept up to date route by route: there may be very many
 * routes, and few of them are a neighbour's own.
 */
export class NeighbourNodes implements Disposable {
  readonly #network: Network
  readonly #own: Prefix
  readonly #onNew: (prefix: Prefix) => void
  /** By interface, next hop and destination: no neighbour takes the place of another one. */
  readonly #routes = new Map<string, Map<string, Map<string, Prefix>>>()
  /** How many routes lead to each of them. */
  readonly #counts = new Map<Prefix, number>()
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
    return [...this.#counts.keys()]
  }

  #changed(change: RoutingChange): void {
    if (change.kind === 'restarted') {
      this.#routes.clear()
      this.#counts.clear()
    }
    if (change.kind !== 'route') return
    const { iface, via, prefix: destination } = change.route
    const known = this.#routes.get(iface)?.get(via)?.get(destination)
    const neighbour = change.change === 'flushed' ? undefined : this.#originatorOf(change.route)
    if (neighbour === known) return
    if (known !== undefined) this.#forget(iface, via, destination, known)
    if (neighbour === undefined || !this.#remember(iface, via, destination, neighbour)) return
    const count = this.#counts.get(neighbour) ?? 0
    this.#counts.set(neighbour, count + 1)
    if (count === 0) this.#onNew(neighbour)
  }

  /** @returns whether there is a place for it */
  #remember(iface: string, via: string, destination: string, neighbour: Prefix): boolean {
    const places = this.#routes.get(iface) ?? new Map<string, Map<string, Prefix>>()
    const routes = places.get(via) ?? new Map<string, Prefix>()
    if (routes.size >= MAX_OF_NEIGHBOUR || (routes.size === 0 && places.size >= MAX_NEIGHBOURS)) return false
    this.#routes.set(iface, places.set(via, routes.set(destination, neighbour)))
    return true
  }

  #forget(iface: string, via: string, destination: string, neighbour: Prefix): void {
    const places = this.#routes.get(iface)
    const routes = places?.get(via)
    routes?.delete(destination)
    if (routes?.size === 0) places?.delete(via)
    if (places?.size === 0) this.#routes.delete(iface)
    const count = (this.#counts.get(neighbour) ?? 0) - 1
    if (count > 0) this.#counts.set(neighbour, count)
    else this.#counts.delete(neighbour)
  }

  /** The neighbour that the route leads to. */
  #originatorOf(route: Route): Prefix | undefined {
    const node = neighbourOfRoute(this.#network, route)
    return node === this.#own ? undefined : node
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]()
  }
}
