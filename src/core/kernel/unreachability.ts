/** Times of the kernel's neighbour unreachability detection (RFC 4861, 7.3 and 10) on an interface. */
export interface DetectionTimes {
  /** How long a neighbour counts as reachable after it has answered. */
  readonly baseReachableMs: number
  /** How long a packet may wait for a sign of life before the neighbour is asked. */
  readonly delayProbeMs: number
  /** Between two questions. */
  readonly retransMs: number
}

/** Questions until a neighbour has failed. */
export const UNICAST_PROBES = 3
/** On a quick link: a neighbour that is gone has failed after about half a second. */
const QUICK: DetectionTimes = { baseReachableMs: 300, delayProbeMs: 20, retransMs: 60 }
/** How much more patience there may be: on the slowest links, and where an alarm was false. */
const MAX_RETRANS_MS = 4_000

/**
 * How fast a neighbour is to be found out that does not answer. A full queue answers late: the times follow the round-trip
 * time, in steps, so that they do not change with each sample.
 * @param rttMs the longest on the interface
 * @param falseAlarms how often a neighbour was there after all
 */
export function detectionTimes(rttMs: number | undefined, falseAlarms: number): DetectionTimes {
  const needed = 2 * (rttMs ?? 0) * 2 ** falseAlarms
  let retransMs = QUICK.retransMs * 2 ** falseAlarms
  while (retransMs < needed) retransMs *= 2
  const factor = Math.min(retransMs, MAX_RETRANS_MS) / QUICK.retransMs
  return {
    baseReachableMs: Math.round(QUICK.baseReachableMs * factor),
    delayProbeMs: Math.round(QUICK.delayProbeMs * factor),
    retransMs: Math.round(QUICK.retransMs * factor),
  }
}
