import { INFINITY, isSignificantChange } from '../metric.ts'
import { isDrainingChange } from './levels.ts'
import type { Entry, Route } from './model.ts'
import { isFeasible } from './sources.ts'
import { metricOf } from './table.ts'

/** Why a new sequence number is asked for, the most urgent first. */
export type Need = 'starving' | 'leaving' | 'better' | 'little-better' | 'spare'

/** All of them. */
export const NEEDS: readonly Need[] = ['starving', 'leaving', 'better', 'little-better', 'spare']

/** Times between requests, each twice the one before. */
const PAUSES: Readonly<Record<Need, { readonly firstMs: number; readonly lastMs: number }>> = {
  // RFC 8966, 3.8.2.1: there is no way at all. Where links lose packets, one in five requests has no answer.
  starving: { firstMs: 250, lastMs: 60_000 },
  // The one in use drains, or does not answer: it is about to go, and there is another.
  leaving: { firstMs: 250, lastMs: 60_000 },
  // RFC 8966, 3.8.2.2: there is one that is a good deal better than the one in use.
  better: { firstMs: 2_000, lastMs: 600_000 },
  // Such a one comes and goes with the round-trip times, but where they are steady it stays the shortest way.
  'little-better': { firstMs: 30_000, lastMs: 3_600_000 },
  // Should the one in use fail, there is no other. Two nodes cannot be each other's: one of the two asks in vain.
  spare: { firstMs: 30_000, lastMs: 3_600_000 },
}

/** Whether packets do not need it now. */
export const isAhead = (need: Need): boolean => need === 'little-better' || need === 'spare'

/** How long to wait after so many requests. */
export const pauseAfter = (need: Need, times: number): number =>
  Math.min(PAUSES[need].lastMs, PAUSES[need].firstMs * 2 ** times)

/** Whether a number is missing (RFC 8966, 3.8.2), and which routes would be of use with it. */
export function needOf(entry: Entry): { readonly kind: Need; readonly routes: readonly Route[] } | undefined {
  const { selected, local, routes } = entry
  if (local) return undefined
  let best: Route | undefined
  let hasSpare = false
  for (const route of routes) {
    if (route === selected || metricOf(route) >= INFINITY) continue
    if (isFeasible(route)) hasSpare = true
    else if (best === undefined || metricOf(route) < metricOf(best)) best = route
  }
  if (best === undefined) return undefined
  if (selected === undefined)
    return { kind: 'starving', routes: routes.filter((route) => metricOf(route) < INFINITY) }
  const [bestMetric, metric] = [metricOf(best), metricOf(selected)]
  if (bestMetric < metric) return { kind: needOfBetter(metric, bestMetric), routes: [best] }
  return hasSpare || isThroughUs(best, entry) ? undefined : { kind: 'spare', routes: [best] }
}

function needOfBetter(metric: number, better: number): Need {
  if (isDrainingChange(metric, better)) return 'leaving'
  return isSignificantChange(metric, better) ? 'better' : 'little-better'
}

/** Whether a neighbour announces, as it seems, what it has from us: then it has no other way for us. */
export const isThroughUs = ({ refmetric, neighbour }: Route, { announcedMetric }: Entry): boolean =>
  refmetric >= announcedMetric + Math.min(neighbour.toldRxcost, INFINITY - announcedMetric)
