import type { Neighbour } from './router.ts'

/** What the node sees of a neighbour, of all that a router knows of it. */
export const neighbourOf = ({
  address,
  iface,
  rxcost,
  txcost,
  cost,
  rttMs,
  isDoubted,
}: Neighbour): Neighbour => ({
  ...{ address, iface, rxcost, txcost, cost, rttMs },
  ...(isDoubted === undefined ? {} : { isDoubted }),
})
