import { INFINITY } from '../metric.ts'
import type { Entry, Neighbour, Route } from './model.ts'
import { isThroughUs } from './needs.ts'
import { isFeasible } from './sources.ts'
import { metricOf, routeFrom } from './table.ts'
import { neighboursOf, type World } from './world.ts'

/** Other neighbours that share our way to the Internet with one. */
export function* sharingUplink(world: World, neighbour: Neighbour): Generator<Neighbour> {
  if (neighbour.iface.kind === 'lan') return
  for (const other of neighboursOf(world)) if (other !== neighbour && other.iface.kind !== 'lan') yield other
}

/** Whether all of them have been silent since then: it may be our own uplink that is down, and not the neighbour. */
export function mayBeOurUplink(world: World, neighbour: Neighbour, sinceMs: number): boolean {
  if (neighbour.iface.kind === 'lan') return false
  let isAlone = true
  for (const other of sharingUplink(world, neighbour)) {
    isAlone = false
    if (other.lastHeardMs > sinceMs) return false
  }
  // Nobody can tell then: packets take the way that there is.
  return !(isAlone && hasWayOverLan(world, neighbour))
}

/**
 * Whether there is a way over a LAN to one of the destinations whose packets go, or would go, to a neighbour; one that is not
 * feasible yet will be when it is asked for.
 */
export function hasWayOverLan(world: World, neighbour: Neighbour): boolean {
  for (const { iface, cost, routes } of neighboursOf(world))
    if (iface.kind === 'lan' && cost < INFINITY && routes.some((route) => isWayInsteadOf(route, neighbour)))
      return true
  return false
}

const isWayInsteadOf = (route: Route, neighbour: Neighbour): boolean =>
  leadsOver(route.entry, neighbour) &&
  metricOf(route) < INFINITY &&
  (isFeasible(route) || !isThroughUs(route, route.entry))

const leadsOver = (entry: Entry, neighbour: Neighbour): boolean =>
  entry.selected?.neighbour === neighbour ||
  (neighbour.isDoubted && routeFrom(entry, neighbour) !== undefined)
