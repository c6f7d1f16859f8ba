import { INFINITY } from '../metric.ts'
import type { RouterId } from '../wire/tlv.ts'
import type { Entry, Route } from './model.ts'
import type { RouteReason, RouteView } from './ports.ts'
import { isFeasible } from './sources.ts'
import { metricOf } from './table.ts'

/** A route as users see it. */
export function routeView(route: Route): RouteView {
  const { entry, neighbour, nextHop, routerId, seqno, refmetric } = route
  return {
    prefix: entry.prefix,
    from: entry.from,
    iface: neighbour.iface.name,
    neighbour: neighbour.address,
    nextHop,
    routerId,
    seqno,
    metric: metricOf(route),
    refmetric,
    selected: entry.selected === route,
    reason: reasonOf(route),
  }
}

function reasonOf(route: Route): RouteReason {
  const { selected } = route.entry
  if (selected === route) return 'selected'
  if (metricOf(route) >= INFINITY) return 'retracted'
  if (!isFeasible(route)) return 'infeasible'
  return selected && metricOf(route) < metricOf(selected) ? 'hysteresis' : 'worse'
}

/** A destination of our own as users see it. */
export function ownView({ prefix, from, local }: Entry, routerId: RouterId, seqno: number): RouteView {
  const metric = local?.metric ?? INFINITY
  return {
    prefix,
    from,
    iface: '',
    neighbour: '',
    nextHop: '',
    routerId,
    seqno,
    metric,
    refmetric: metric,
    selected: true,
    reason: 'own',
  }
}
