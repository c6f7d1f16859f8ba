import type { NeighbourView, RouteView } from '../../../core/babel/engine/ports.ts'
import type { Neighbour, Route } from '../router.ts'

/** A neighbour of the machine as the node sees it. */
export const neighbourOf = ({
  address,
  iface,
  rxcost,
  txcost,
  cost,
  rttMs,
  isDoubted,
}: NeighbourView): Neighbour => ({ ...{ address, iface, rxcost, txcost, cost, rttMs, isDoubted } })

/** A candidate of the machine as the node sees it. */
export const routeOf = ({
  prefix,
  from,
  selected,
  metric,
  refmetric,
  nextHop,
  iface,
  routerId,
}: RouteView): Route => ({
  ...{ prefix, from, installed: selected, metric, refmetric, via: nextHop, iface, routerId },
})
