/** How often babeld sends what on an interface. */
export interface Intervals {
  readonly helloIntervalMs: number
  /** Between two announcements of all routes. A neighbour forgets what is not announced for 3.5 times that. */
  readonly updateIntervalMs: number
}

/** babeld's own choice: a full update for every four hellos. */
const HELLOS_PER_UPDATE = 4
/** Bytes that the update of a route takes in a packet: its prefix, and its router-id. */
const BYTES_PER_ROUTE = 30
/** What more frequent updates may cost on a tunnel: as much as if there were a hello each second. */
const BUDGET_BYTES_PER_SECOND = 200
/**
 * babeld keeps a route at least 15 s, whatever the interval that it was announced with: the longest interval that can
 * follow a very short one, with all that babeld varies and delays, without that the route is forgotten in between.
 */
const SHORT_UPDATE_MS = 11_000
/**
 * Between these two, the 15 s are too short for a step to longer intervals, and 3.5 of them are not long enough yet:
 * such an interval is made longer.
 */
const AWKWARD_UPDATE_MS = { from: 4_000, to: 10_000 } as const

/** Hellos of a link that has just come up: the neighbour hears two within 1.5 s. */
const FIRST_HELLO_MS = 500
const FIRST_UPDATE_MS = 500
/**
 * Hellos until a link settles, which takes as long as the peer's hello interval: 4 kB at 15 s. Each step to a longer
 * interval is a small one: the last hello may be lost when the link goes down, the next is sent up to 1.3 s late, and
 * after 2.7 intervals without one the neighbour takes the link for dead.
 */
const ASKING_HELLO_MS = 1_500
/** What is announced before a change of the interval must outlive the time until it is announced after it. */
const BEFORE_LONGER = 0.85

/**
 * The intervals of an interface. A neighbour that comes up learns our routes only by a full update: babeld answers a
 * request for all of them only if it has sent none for ten hello intervals. So small networks, where that costs little,
 * announce about as often as they say hello; large ones as babeld does by itself.
 */
export function configuredIntervals(helloIntervalMs: number, routes: number): Intervals {
  const longest = HELLOS_PER_UPDATE * helloIntervalMs
  const wanted = Math.max(
    Math.min(helloIntervalMs, SHORT_UPDATE_MS),
    ((routes * BYTES_PER_ROUTE) / BUDGET_BYTES_PER_SECOND) * 1000,
  )
  const isAwkward = wanted > AWKWARD_UPDATE_MS.from && wanted < AWKWARD_UPDATE_MS.to
  const possible = isAwkward ? AWKWARD_UPDATE_MS.to : wanted
  return {
    helloIntervalMs,
    updateIntervalMs: wanted > SHORT_UPDATE_MS ? longest : Math.min(longest, possible),
  }
}

/** The intervals of a tunnel that has just come up. */
export const firstIntervals = (configured: Intervals): Intervals => ({
  helloIntervalMs: Math.min(FIRST_HELLO_MS, configured.helloIntervalMs),
  updateIntervalMs:
    configured.updateIntervalMs > SHORT_UPDATE_MS
      ? BEFORE_LONGER * configured.updateIntervalMs
      : Math.min(FIRST_UPDATE_MS, configured.updateIntervalMs),
})

/** The intervals of a tunnel that has asked its neighbour and waits for the answer. */
export const askingIntervals = (configured: Intervals): Intervals => ({
  helloIntervalMs: Math.min(ASKING_HELLO_MS, configured.helloIntervalMs),
  updateIntervalMs: BEFORE_LONGER * configured.updateIntervalMs,
})

/** From one hello to the next, at most: babeld varies by a quarter, and delays by as much what is not urgent. */
export const latestHelloMs = ({ helloIntervalMs }: Intervals): number =>
  1.25 * helloIntervalMs + Math.min(1_250, 0.3 * helloIntervalMs)

/** From one full update to the next, at most: it is gathered for up to a hello interval before it is sent. */
export const latestUpdateMs = (intervals: Intervals): number =>
  1.25 * intervals.updateIntervalMs +
  1.25 * Math.min(4_000, intervals.helloIntervalMs) +
  Math.min(1_250, 0.3 * intervals.helloIntervalMs)
