/** The cost or metric that means "unreachable" (RFC 8966, 4). */
export const INFINITY = 0xffff

/** Whether a link or neighbour of this cost, or a route of this metric, can be used. */
export const isUsable = (costOrMetric: number): boolean => costOrMetric < INFINITY

/** Whether the next hop itself announces the destination: it does so with metric 0 (RFC 8966, 3.5.2). */
export const isOriginatedByNextHop = ({ refmetric }: { readonly refmetric: number }): boolean =>
  refmetric === 0

/** What it costs to send to us over a tunnel that is well, unless the network says otherwise: babeld's own for a tunnel. */
export const TUNNEL_RXCOST = 96
/** The same on a LAN. Less than a tunnel, which takes the same LAN or a longer way. */
export const LAN_RXCOST = 64

/**
 * Whether a metric is another one for those who choose by it: by a link more or less on the way, and by a quarter. The
 * round-trip time of a long way is never the same twice, and differs by more than that of a short one.
 */
export const isSignificantChange = (before: number, after: number): boolean =>
  Math.abs(after - before) >= Math.max(TUNNEL_RXCOST, Math.min(before, after) / 4)
