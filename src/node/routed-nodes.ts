import type { RouteCause } from '../core/babel/engine/ports.ts'
import { isOriginatedByNextHop, isUsable } from '../core/babel/metric.ts'
import { Listeners } from '../core/listeners.ts'
import type { Random } from '../core/random.ts'
import { pick } from '../core/random.ts'
import { nodeOfDestination } from '../core/routes/destination.ts'
import type { WayAnswer } from '../core/session/way.ts'
import { type Network, type Prefix, subnetCidr } from '../core/values/prefix.ts'
import type { Neighbour, Route, Router, RoutingChange } from './routing/router.ts'

/** Where a neighbour of the routing protocol is heard. */
type NeighbourPlace = Pick<Neighbour, 'iface' | 'address'>

/** A way to somewhere that packets take from now on, or do not take any more. */
export interface WayChange {
  readonly kind: 'way-taken' | 'way-left'
  readonly route: Route
  /** Undefined: the router does not say. */
  readonly cause: RouteCause | undefined
}

/** What of a route counts here. */
interface NodeRoute {
  readonly prefix: Prefix
  readonly iface: string
  readonly installed: boolean
  /** Whether the next hop is the node itself; then it is the neighbour at this place. */
  readonly isDirect: boolean
  readonly place: string
  readonly metric: number
}

/**
 * What the routing table says of the network's nodes, kept up to date route by route: there may be very many, and
 * somebody asks after each change.
 */
export class RoutedNodes implements Disposable {
  readonly #router: Pick<Router, 'neighbours'>
  readonly #network: Network
  readonly #own: Prefix
  readonly #watching: Disposable
  /** Usable ones, by next hop, destination and source. */
  readonly #routes = new Map<string, NodeRoute>()
  /** Those to each node that are installed: anybody in the network may ask for one. */
  readonly #installed = new Map<Prefix, readonly NodeRoute[]>()
  /** How many are, over each interface. */
  readonly #over = new Counts<string>()
  /** Nodes that are one hop away, and who is at which place. */
  readonly #neighbours = new Counts<Prefix>()
  readonly #byPlace = new Map<string, Counts<Prefix>>()
  /** Installed routes of any kind, with the place of the next hop; and how many go to each. */
  readonly #carried = new Map<string, string>()
  readonly #carriedTo = new Counts<string>()
  readonly #wayListeners = new Listeners<WayChange>()
  /** Nodes to which there is a route; undefined: one has come or gone. */
  #prefixes: readonly Prefix[] | undefined
  #neighbourChanges = 0

  constructor(router: Pick<Router, 'neighbours' | 'watch'>, network: Network, own: Prefix) {
    this.#router = router
    this.#network = network
    this.#own = own
    this.#watching = router.watch((change) => this.#changed(change))
  }

  /** Calls `listener` whenever packets take another way, until disposed of. */
  watchWays(listener: (change: WayChange) => void): Disposable {
    return this.#wayListeners.add(listener)
  }

  /** The destination that a node originates, in CIDR notation. */
  subnetOf(prefix: Prefix): string {
    return subnetCidr(this.#network, prefix)
  }

  isReachable(prefix: Prefix): boolean {
    return this.#installed.has(prefix)
  }

  /** How often something has changed of neighbours: who they are, or what they cost. */
  get neighbourChanges(): number {
    return this.#neighbourChanges
  }

  /** Whether the node is one hop away. */
  isNeighbour(prefix: Prefix): boolean {
    return this.#neighbours.has(prefix)
  }

  /** Where packets to a node go: who the next hop is, how far it is, and the metric. */
  wayTo(prefix: Prefix): WayAnswer {
    const [route] = this.#installed.get(prefix) ?? []
    if (!route) return { target: prefix, next: undefined, rttMs: undefined, metric: undefined }
    const next = this.#nodeAtPlace(route.place)
    const { rttMs } =
      this.#router.neighbours.find((one) => placeOf(one.iface, one.address) === route.place) ?? {}
    return { target: prefix, next, rttMs, metric: route.metric }
  }

  /** Nodes to which there is a route. */
  prefixes(): readonly Prefix[] {
    this.#prefixes ??= [...this.#installed.keys()]
    return this.#prefixes
  }

  /** A node to which there is a route. */
  sample(random: Random): Prefix | undefined {
    return pick(random, this.prefixes())
  }

  /** How many routes to nodes go over an interface. */
  countOver(iface: string): number {
    return this.#over.get(iface)
  }

  /** Nodes to which there is a route. */
  get size(): number {
    return this.#installed.size
  }

  /** Which node a neighbour is: the one whose own subnet it announces. Undefined: it has announced none yet. */
  nodeAt({ iface, address }: NeighbourPlace): Prefix | undefined {
    return this.#nodeAtPlace(placeOf(iface, address))
  }

  /** Whether packets go to this node as the next hop, over one of the interfaces. */
  sendsTo(prefix: Prefix, isOver: (iface: string) => boolean): boolean {
    for (const place of this.#carriedTo.keys())
      if (this.#nodeAtPlace(place) === prefix && isOver(ifaceOf(place))) return true
    return false
  }

  /** Whether routing has a usable neighbour on an interface. */
  hasNeighbourOn(iface: string): boolean {
    return this.#router.neighbours.some((each) => each.iface === iface && isUsable(each.cost))
  }

  /** Whether routing doubts a neighbour on an interface. */
  hasDoubtedOn(iface: string): boolean {
    return this.#router.neighbours.some((each) => each.iface === iface && each.isDoubted === true)
  }

  /**
   * Whether routing has a usable neighbour on an interface that is this node. True also where that cannot be told:
   * there is one of whom it is not known yet who it is.
   */
  mayHaveNeighbourOn(iface: string, prefix: Prefix): boolean {
    return this.#router.neighbours.some((each) => {
      if (each.iface !== iface || !isUsable(each.cost)) return false
      const nodes = this.#byPlace.get(placeOf(iface, each.address))
      return nodes === undefined || nodes.has(prefix)
    })
  }

  #nodeAtPlace(place: string): Prefix | undefined {
    const [first] = this.#byPlace.get(place)?.keys() ?? []
    return first
  }

  #changed(change: RoutingChange): void {
    if (change.kind !== 'route') this.#neighbourChanges++
    if (change.kind === 'restarted') this.#clear()
    else if (change.kind === 'route')
      this.#routeChanged(change.route, change.change === 'flushed', change.cause)
  }

  #routeChanged(route: Route, isFlushed: boolean, cause: RouteCause | undefined): void {
    const key = `${route.via}%${route.iface} ${route.prefix} ${route.from}`
    const isTaken = route.installed && !isFlushed && isUsable(route.metric)
    const wasTaken = this.#carried.has(key)
    this.#carry(key, isTaken ? placeOf(route.iface, route.via) : undefined)
    const before = this.#routes.get(key)
    const after = isFlushed ? undefined : this.#nodeRoute(route)
    if (before) this.#count(before, -1)
    if (after) {
      this.#routes.set(key, after)
      this.#count(after, 1)
    } else this.#routes.delete(key)
    if (isTaken === wasTaken) return
    const kind = isTaken ? 'way-taken' : 'way-left'
    this.#wayListeners.tell({ kind, route, cause })
  }

  #carry(key: string, place: string | undefined): void {
    const before = this.#carried.get(key)
    if (before === place) return
    if (before !== undefined) this.#carriedTo.add(before, -1)
    if (place === undefined) this.#carried.delete(key)
    else {
      this.#carried.set(key, place)
      this.#carriedTo.add(place, 1)
    }
  }

  #nodeRoute({ prefix, iface, via, metric, refmetric, installed }: Route): NodeRoute | undefined {
    if (!isUsable(metric)) return undefined
    const node = nodeOfDestination(this.#network, prefix)
    if (node === undefined || node === this.#own) return undefined
    const isDirect = isOriginatedByNextHop({ refmetric })
    return { prefix: node, iface, installed, isDirect, place: placeOf(iface, via), metric }
  }

  #count(route: NodeRoute, by: 1 | -1): void {
    const { prefix, iface, installed, isDirect, place } = route
    if (installed) {
      this.#installedChanged(route, by)
      this.#over.add(iface, by)
    }
    if (!isDirect) return
    this.#neighbourChanges++
    this.#neighbours.add(prefix, by)
    const nodes = this.#byPlace.get(place) ?? new Counts<Prefix>()
    nodes.add(prefix, by)
    if (nodes.size === 0) this.#byPlace.delete(place)
    else this.#byPlace.set(place, nodes)
  }

  #installedChanged(route: NodeRoute, by: 1 | -1): void {
    const { prefix } = route
    const before = this.#installed.get(prefix) ?? NO_ROUTES
    const after = by > 0 ? [...before, route] : before.filter((one) => one !== route)
    if (after.length === 0) this.#installed.delete(prefix)
    else this.#installed.set(prefix, after)
    if (before.length === 0 || after.length === 0) this.#prefixes = undefined
  }

  #clear(): void {
    for (const table of [this.#installed, this.#over, this.#neighbours, this.#carriedTo]) table.clear()
    this.#routes.clear()
    this.#carried.clear()
    this.#byPlace.clear()
    this.#prefixes = undefined
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]()
  }
}

const NO_ROUTES: readonly NodeRoute[] = []

/** Tells neighbours apart: link-local addresses are those of a link (RFC 4007, 11). */
export const placeOf = (iface: string, address: string): string => `${address}%${iface}`
const ifaceOf = (place: string): string => place.slice(place.indexOf('%') + 1)

/** How often each thing is there. */
class Counts<Thing> {
  readonly #counts = new Map<Thing, number>()

  get size(): number {
    return this.#counts.size
  }

  has(thing: Thing): boolean {
    return this.#counts.has(thing)
  }

  get(thing: Thing): number {
    return this.#counts.get(thing) ?? 0
  }

  keys(): IterableIterator<Thing> {
    return this.#counts.keys()
  }

  clear(): void {
    this.#counts.clear()
  }

  /** @returns whether it came, or went */
  add(thing: Thing, by: 1 | -1): boolean {
    const count = this.get(thing) + by
    if (count > 0) this.#counts.set(thing, count)
    else this.#counts.delete(thing)
    return count === 0 || (by === 1 && count === 1)
  }
}
