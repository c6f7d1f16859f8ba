import { INFINITY } from '../metric.ts'
import type { RouterId } from '../wire/tlv.ts'
import type { Entry, Route } from './model.ts'
import type { CandidateView, RouteReason, RouteView } from './ports.ts'
import { smoothedMetric } from './selection.ts'
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
  if (route.refmetric >= INFINITY) return 'retracted'
  if (metricOf(route) >= INFINITY) return 'link-unusable'
  if (!isFeasible(route)) return 'infeasible'
  return selected && metricOf(route) < metricOf(selected) ? 'hysteresis' : 'worse'
}

/** A candidate with all that decides whether it is taken. @param suspectedMs since when its neighbour does not answer */
export const candidateView = (
  nowMs: number,
  route: Route,
  suspectedMs: number | undefined,
): CandidateView => ({
  ...routeView(route),
  feasible: isFeasible(route),
  smoothedMetric: Math.min(INFINITY, Math.round(smoothedMetric(route, nowMs))),
  link: route.neighbour.view(nowMs),
  suspectedMs,
})

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
