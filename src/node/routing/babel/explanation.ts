import type { ExplanationView } from '../../../core/babel/engine/ports.ts'
import type { RouteExplanation } from '../router.ts'
import { routeOf } from './views.ts'

/** What the machine knows of a destination as the node sees it. */
export const explanationOf = (
  nowMs: number,
  { prefix, from, candidates, former }: ExplanationView,
): RouteExplanation => ({
  ...{ prefix, from },
  candidates: candidates.map(({ reason, feasible, smoothedMetric, link, suspectedMs, ...route }) => ({
    ...routeOf({ ...route, reason }),
    neighbour: link.address,
    linkCost: link.cost,
    rttMs: link.rttMs,
    reason: reason === 'own' ? 'unknown' : reason,
    ...{ feasible, smoothedMetric },
    isDraining: link.level !== 'normal',
    isDoubted: link.isDoubted,
    unansweredMs: suspectedMs === undefined ? undefined : nowMs - suspectedMs,
  })),
  former: former.map(({ goneMs, ...one }) => ({ ...one, goneMsAgo: nowMs - goneMs })),
})
