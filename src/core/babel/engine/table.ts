import { isAnySource } from '../../routes/any-source.ts'
import { INFINITY } from '../metric.ts'
import type { Destination } from '../wire/tlv.ts'
import { Entry, type Neighbour, type Route } from './model.ts'

/** Text that tells destinations apart; that of one for any source is its prefix alone. */
export const keyOf = ({ prefix, from }: Destination): string =>
  isAnySource(from) ? prefix : `${prefix} ${from}`

/** All destinations, by prefix and source prefix (RFC 9079, 3.2). */
export class RouteTable {
  readonly #entries = new Map<string, Entry>()
  /** Those that neighbours are told of; in an order that survives additions and removals. */
  readonly reachable = new Set<Entry>()

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries
  }

  find(destination: Destination): Entry | undefined {
    return this.#entries.get(keyOf(destination))
  }

  /**
   * The neighbour's route to a destination. Neighbours tell of theirs in the same order each time: as a rule it is the one behind
   * the last that was asked for, and nothing need be looked up.
   */
  routeOf(neighbour: Neighbour, destination: Destination): Route | undefined {
    const route = nextRouteTo(neighbour, destination) ?? this.#routeFrom(neighbour, destination)
    if (route) neighbour.nextSlot = route.slot + 1 < neighbour.routes.length ? route.slot + 1 : 0
    return route
  }

  #routeFrom(neighbour: Neighbour, destination: Destination): Route | undefined {
    const entry = this.find(destination)
    return entry && routeFrom(entry, neighbour)
  }

  obtain(destination: Destination): Entry {
    const key = keyOf(destination)
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = new Entry(destination, key)
      this.#entries.set(key, entry)
    }
    return entry
  }

  /** Forgets a destination of which nothing is known any more. */
  tidy(entry: Entry): void {
    const { routes, sources, local, unreachableUntilMs, key } = entry
    const isKnown = routes.length > 0 || sources.length > 0 || local || unreachableUntilMs !== undefined
    if (!isKnown && this.#entries.get(key) === entry) this.#entries.delete(key)
  }

  /** Adds a route that the neighbour did not have. */
  add(route: Route): void {
    route.slot = route.neighbour.routes.length
    route.neighbour.iface.routeCount++
    route.neighbour.routes.push(route)
    route.entry.routes = joined(route.entry.routes, route)
  }

  /** Whoever calls this has {@link tidy} called when it is known what becomes of the destination's packets. */
  remove(route: Route): void {
    const { entry, neighbour, slot } = route
    if (slot < 0) return
    route.slot = -1
    neighbour.iface.routeCount--
    const last = neighbour.routes.pop()
    if (last !== undefined && last !== route) {
      last.slot = slot
      neighbour.routes[slot] = last
    }
    entry.routes = entry.routes.filter((one) => one !== route)
  }
}

function nextRouteTo({ routes, nextSlot }: Neighbour, { prefix, from }: Destination): Route | undefined {
  const route = routes[nextSlot]
  return route?.entry.prefix === prefix && route.entry.from === from ? route : undefined
}

/** These, and one more, in no more memory than they need: an array that grows takes room for sixteen. */
export const joined = <T>(items: readonly T[], item: T): readonly T[] => items.concat([item])

/** The metric of a route (RFC 8966, 3.5.2): additive. */
export function metricOf({ refmetric, neighbour }: Route): number {
  return Math.min(INFINITY, refmetric + neighbour.cost)
}

/** What neighbours are to be told that it costs from here. */
export function toldMetricOf({ local, selected, brokenMetric }: Entry): number {
  if (local) return local.metric
  return selected ? Math.max(metricOf(selected), brokenMetric) : INFINITY
}

/** The neighbour's route to a destination. */
export function routeFrom(entry: Entry, neighbour: Neighbour): Route | undefined {
  for (const route of entry.routes) if (route.neighbour === neighbour) return route
  return undefined
}
