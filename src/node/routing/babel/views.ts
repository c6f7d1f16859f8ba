import type { RouteView } from '../../../core/babel/engine/ports.ts'
import type { Route } from '../router.ts'

/** A candidate of the machine as the node sees it. Hundreds of thousands at times: a spread takes ten times as long. */
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
  prefix,
  from,
  installed: selected,
  metric,
  refmetric,
  via: nextHop,
  iface,
  routerId,
})
