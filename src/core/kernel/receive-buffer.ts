/**
 * Room for a full table of 10,000 routes, some 30 bytes each, from each of twenty neighbours at once. The kernel doubles it
 * for what it needs itself, and gives no more than `net.core.rmem_max` allows, which is 200 kB on many machines: not enough
 * for one neighbour.
 */
export const RECEIVE_BUFFER_BYTES = 8 << 20
