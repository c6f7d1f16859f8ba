import { INFINITY } from '../metric.ts'

import type { Entry, Neighbour, Route } from './model.ts'
import { halfLifeS, passesInMs, smoothedAt } from './smoothing.ts'
import { isFeasible } from './sources.ts'
import { metricOf } from './table.ts'

/** Which route to take, and when to look again if nothing happens. */
export interface Choice {
  readonly route: Route | undefined
  /** In how long a better one will have proved itself; Infinity: none has to. */
  readonly provenInMs: number
}

/**
 * Route selection (RFC 8966, 3.6) with hysteresis (A.3): a way that works is left for one that is better now and was
 * better on average. Sequence numbers do not count.
 */
export function choose(entry: Entry, nowMs: number): Choice {
  const { selected } = entry
  const isStillThere = selected !== undefined && selected.slot >= 0 && isUsable(selected)
  const current = isStillThere ? selected : undefined
  const currentMetric = current === undefined ? INFINITY : metricOf(current)
  const currentSmoothed = current === undefined ? 0 : smoothedMetric(current, nowMs)
  let best = current
  let bestMetric = currentMetric
  let provenInMs = Number.POSITIVE_INFINITY
  for (const route of entry.routes) {
    const metric = metricOf(route)
    // Of equal ones the first stays: nothing moves without a gain.
    if (metric >= bestMetric || !isFeasible(route)) continue
    if (current !== undefined) {
      const behind = smoothedMetric(route, nowMs) - currentSmoothed
      if (behind >= 0) {
        const halfLife = Math.min(...[route, current].map(({ neighbour }) => halfLifeOf(neighbour)))
        provenInMs = Math.min(provenInMs, passesInMs(behind, currentMetric - metric, halfLife))
        continue
      }
    }
    best = route
    bestMetric = metric
  }
  return { route: best, provenInMs }
}

/** Whether a route could be taken. */
export const isUsable = (route: Route): boolean => metricOf(route) < INFINITY && isFeasible(route)

/** The metric of a route on average: that of the neighbour's announcements and that of the link to it. */
export function smoothedMetric(route: Route, nowMs: number): number {
  const { neighbour, refmetric, smoothed, smoothedSinceS } = route
  const halfLife = halfLifeOf(neighbour)
  return smoothedAt(refmetric, smoothed, smoothedSinceS, nowMs, halfLife) + neighbour.smoothedCost(nowMs)
}

const halfLifeOf = ({ iface }: Neighbour): number => halfLifeS(iface.parameters)
