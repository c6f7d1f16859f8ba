/** Number by which the kernel knows who made a route: babeld's. iproute2 has a name for it (`/etc/iproute2/rt_protos`). */
export const BABEL_PROTOCOL = 42
const BABEL_NAMES: ReadonlySet<unknown> = new Set(['babel', String(BABEL_PROTOCOL), BABEL_PROTOCOL])

/** Whether babeld made a route, by its protocol as `ip -j` prints it: the name or, where it has no table of names, the number. */
export const isOfBabel = (protocol: unknown): boolean => BABEL_NAMES.has(protocol)

/**
 * Metrics of the routes of a node in the kernel, best first: of several routes to the same destination the kernel takes the
 * one with the smallest.
 */
export const ROUTE_METRIC = {
  /** Of babeld's routes (its `kernel_metric` is 0, which is 1024 for IPv6). */
  babeld: 1024,
  /** Of those that are held while babeld has none. */
  held: 4096,
  /** Of what keeps packets inside when nobody has a route for them. */
  last: 8192,
} as const
