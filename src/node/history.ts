import { isUsable } from '../core/babel/metric.ts'
import type { EventKind } from '../core/control/routing-replies.ts'
import { neighbourOfRoute, nodeOfDestination } from '../core/routes/destination.ts'
import type { Network, Prefix } from '../core/values/prefix.ts'
import { placeOf, type WayChange } from './routed-nodes.ts'
import type { Neighbour, Router, RoutingChange } from './routing/router.ts'
import type { TunnelEvent } from './tunnels/components.ts'

/** Something that happened, as it is kept. */
export interface NodeEvent {
  readonly number: number
  /** Wall clock. */
  readonly atMs: number
  readonly kind: EventKind
  /** The neighbour, the peer or the destination. */
  readonly node?: Prefix | undefined
  /** Of a way: destination in CIDR notation, and the next hop. */
  readonly prefix?: string
  readonly nextHop?: Prefix | undefined
  readonly iface?: string
  readonly via?: string | undefined
  readonly metric?: number
  readonly cause?: string | undefined
}

/** What happened after an event. */
export interface NodeEvents {
  readonly events: readonly NodeEvent[]
  /** How many are not remembered any more. */
  readonly forgotten: number
  readonly last: number
}

interface HistoryInit {
  readonly router: Pick<Router, 'watch'>
  readonly nodes: { watchWays(listener: (change: WayChange) => void): Disposable }
  readonly network: Network
  /** Wall clock. */
  readonly now: () => number
}

/**
 * Of ways, and of all else: one neighbour that goes changes thousands of ways, and must not be forgotten over them. Some
 * hundred bytes each.
 */
const MAX_EVENTS = 256
/** Neighbours of whom it is known who they are. */
const MAX_NEIGHBOURS = 1_024

/** What happened last to neighbours, ways and tunnels, for people who ask. */
export class History implements Disposable {
  readonly #init: HistoryInit
  readonly #ways: NodeEvent[] = []
  readonly #others: NodeEvent[] = []
  /** By address and interface. */
  readonly #neighbours = new Map<
    string,
    { node: Prefix | undefined; isUsable: boolean; isDoubted: boolean }
  >()
  readonly #watching: readonly Disposable[]
  #last = 0

  constructor(init: HistoryInit) {
    this.#init = init
    this.#watching = [
      init.router.watch((change) => this.#changed(change)),
      init.nodes.watchWays((change) => this.#wayChanged(change)),
    ]
  }

  /** A tunnel came or went. */
  tunnel({ kind, peer, iface, underlay, reason }: TunnelEvent): void {
    this.#add(this.#others, { kind, node: peer, iface, via: underlay, cause: reason })
  }

  /** What happened after the event of that number, the oldest first. */
  since(after: number): NodeEvents {
    const isLater = ({ number }: NodeEvent) => number > after
    const events = [...this.#ways.filter(isLater), ...this.#others.filter(isLater)]
    events.sort((one, other) => one.number - other.number)
    const asked = Math.max(0, this.#last - Math.max(0, after))
    return { events, forgotten: asked - events.length, last: this.#last }
  }

  /** Neighbours that are lost and not back, the last one that went first. */
  lostNeighbours(): readonly NodeEvent[] {
    const seen = new Set<string>()
    return this.#others.toReversed().filter((event) => {
      const { kind, via = '', iface = '' } = event
      if (kind !== 'neighbour-lost' && kind !== 'neighbour-up') return false
      const key = placeOf(iface, via)
      if (seen.has(key)) return false
      seen.add(key)
      return kind === 'neighbour-lost'
    })
  }

  #changed(change: RoutingChange): void {
    switch (change.kind) {
      case 'neighbour':
        return this.#neighbourChanged(change.neighbour, change.change === 'flushed', change.cause)
      case 'route': {
        const { route } = change
        const known = this.#neighbours.get(placeOf(route.iface, route.via))
        if (known && known.node === undefined) known.node = neighbourOfRoute(this.#init.network, route)
        return
      }
      case 'restarted':
        this.#neighbours.clear()
        this.#add(this.#others, { kind: 'router-restarted' })
    }
  }

  #neighbourChanged(neighbour: Neighbour, isGone: boolean, cause: string | undefined): void {
    const { iface, address, cost, isDoubted = false } = neighbour
    const key = placeOf(iface, address)
    const known = this.#neighbours.get(key)
    const wasUsable = known?.isUsable === true
    const usable = !isGone && isUsable(cost)
    const wasDoubted = known?.isDoubted === true
    if (isGone) this.#neighbours.delete(key)
    else if (known) Object.assign(known, { isUsable: usable, isDoubted })
    else if (this.#neighbours.size < MAX_NEIGHBOURS)
      this.#neighbours.set(key, { node: undefined, isUsable: usable, isDoubted })
    const about = { node: known?.node, iface, via: address }
    if (usable && wasUsable && isDoubted !== wasDoubted)
      return this.#add(this.#others, {
        ...{ kind: isDoubted ? 'neighbour-doubted' : 'neighbour-trusted', ...about, metric: cost },
        cause: isDoubted ? cause : undefined,
      })
    if (usable === wasUsable) return
    if (usable) this.#add(this.#others, { kind: 'neighbour-up', ...about, metric: cost, cause })
    else
      this.#add(this.#others, {
        ...{ kind: 'neighbour-lost', ...about },
        cause: cause ?? (isGone ? undefined : whyUnusable(neighbour)),
      })
  }

  #wayChanged({ kind, route, cause }: WayChange): void {
    const { prefix, iface, via, metric } = route
    this.#add(this.#ways, {
      ...{ kind, prefix, iface, via, cause },
      node: nodeOfDestination(this.#init.network, prefix),
      nextHop: this.#neighbours.get(placeOf(iface, via))?.node,
      ...(isUsable(metric) ? { metric } : {}),
    })
  }

  #add(list: NodeEvent[], event: Omit<NodeEvent, 'number' | 'atMs'>): void {
    this.#last++
    list.push({ number: this.#last, atMs: this.#init.now(), ...event })
    if (list.length > MAX_EVENTS) list.shift()
  }

  [Symbol.dispose](): void {
    for (const watching of this.#watching) watching[Symbol.dispose]()
  }
}

/** A neighbour that is still there, but of no use. */
const whyUnusable = ({ rxcost }: Neighbour): string =>
  isUsable(rxcost) ? 'it does not say that it hears us' : 'hellos missed'
