/** Number by which the kernel knows who made a route: babeld's. iproute2 has a name for it (`/etc/iproute2/rt_protos`). */
export const BABEL_PROTOCOL = 42
/** That of our own router: one that nobody has in iproute2's table, nor FRR or BIRD. */
export const RE6ST_PROTOCOL = 66
const OF_ROUTERS: ReadonlySet<unknown> = new Set(
  [BABEL_PROTOCOL, RE6ST_PROTOCOL].flatMap((number) => [number, String(number)]).concat('babel'),
)

/**
 * Whether the network's router made a route, be it babeld or our own, by its protocol as `ip -j` prints it: the name or, where
 * it has no table of names, the number.
 */
export const isOfRouter = (protocol: unknown): boolean => OF_ROUTERS.has(protocol)

/**
 * Metrics of the routes of a node in the kernel, best first: of several routes to the same destination the kernel takes the
 * one with the smallest.
 */
export const ROUTE_METRIC = {
  /**
   * Of those of our own router: no other program has this metric by itself (the kernel's own for routers' advertisements is
   * 1024), so that replacing never replaces what is another's.
   */
  re6st: 1020,
  /** Of babeld's routes (its `kernel_metric` is 0, which is 1024 for IPv6). */
  babeld: 1024,
  /** Of those that are held while babeld has none. */
  held: 4096,
  /** Of what keeps packets inside when nobody has a route for them. */
  last: 8192,
  /** Of the network's way to the Internet in a kernel without source-specific routes: any other of the machine goes first. */
  withoutSource: 1_000_000,
} as const
