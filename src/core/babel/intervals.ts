/** babeld's own choice: a full update for every four hellos. */
const HELLOS_PER_UPDATE = 4
/** Bytes that an update of one route takes in a packet: its prefix, and its router-id. */
const BYTES_PER_ROUTE = 30
/** What more frequent updates than babeld's own choice may cost on a tunnel. As much as a hello of each second does. */
const BUDGET_BYTES_PER_SECOND = 200

/**
 * How often an interface announces all routes. A neighbour that comes up learns our routes only by this: babeld answers
 * a request for all of them only if it has sent none for ten hello intervals. So small networks, where it costs less
 * than the hellos, announce with each hello; large ones as babeld does by itself.
 */
export function updateIntervalMs(helloIntervalMs: number, routes: number): number {
  const affordableMs = ((routes * BYTES_PER_ROUTE) / BUDGET_BYTES_PER_SECOND) * 1000
  return Math.min(HELLOS_PER_UPDATE * helloIntervalMs, Math.max(helloIntervalMs, affordableMs))
}
