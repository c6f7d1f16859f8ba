import { INFINITY, isUsable } from '../../../core/babel/metric.ts'
import { anySourceFor } from '../../../core/routes/any-source.ts'
import type { Candidate, Neighbour, Route, RouteExplanation } from '../router.ts'

/**
 * What babeld tells of a destination. It shows no feasibility distances and no averages, so that of a way that is better than
 * the one that it takes nobody knows which of the two speaks against it; nor what it has forgotten.
 */
export function explanationOf(
  prefix: string,
  routes: readonly Route[],
  neighbours: readonly Neighbour[],
): RouteExplanation {
  const from = anySourceFor(prefix)
  const ways = routes.filter((route) => route.prefix === prefix && route.from === from)
  const takenMetric = ways.find(({ installed }) => installed)?.metric ?? INFINITY
  const candidates = ways.map((route): Candidate => {
    const link = neighbours.find(({ iface, address }) => iface === route.iface && address === route.via)
    return {
      ...route,
      neighbour: route.via,
      linkCost: link?.cost ?? INFINITY,
      rttMs: link?.rttMs,
      reason: reasonOf(route, takenMetric),
      feasible: route.installed ? true : undefined,
      smoothedMetric: undefined,
      isDraining: false,
      isDoubted: false,
      unansweredMs: undefined,
    }
  })
  return { prefix, from, candidates, former: undefined }
}

function reasonOf({ installed, metric, refmetric }: Route, takenMetric: number): Candidate['reason'] {
  if (installed) return 'selected'
  if (!isUsable(refmetric)) return 'retracted'
  if (!isUsable(metric)) return 'link-unusable'
  return metric >= takenMetric ? 'worse' : 'unknown'
}
