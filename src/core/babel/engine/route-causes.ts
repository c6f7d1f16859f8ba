import { INFINITY } from '../metric.ts'
import type { Route } from './model.ts'
import type { RouteCause } from './ports.ts'
import { isUsable } from './selection.ts'
import { metricOf } from './table.ts'

/** Why a route is not taken any more. */
export function whyLeft(before: Route): RouteCause {
  if (before.refmetric >= INFINITY) return 'retracted'
  if (metricOf(before) >= INFINITY) return 'link unusable'
  return isUsable(before) ? 'replaced' : 'infeasible'
}

/** Why another route is taken from now on. */
export function whyTaken(before: Route | undefined): RouteCause {
  if (before === undefined) return 'first'
  return before.slot >= 0 && isUsable(before) ? 'better' : 'next best'
}
