/** Times of the kernel's neighbour unreachability detection (RFC 4861, 7.3 and 10) on an interface. */
export interface DetectionTimes {
  /** How long a neighbour counts as reachable after it has answered. */
  readonly baseReachableMs: number
  /** How long a packet may wait for a sign of life before the neighbour is asked. */
  readonly delayProbeMs: number
  /** Between two questions. */
  readonly retransMs: number
}

/**
 * Questions until the kernel takes a neighbour for gone, and loses what is sent to it: long after routing has another way, if
 * there is one, and not before a delay that comes suddenly is over.
 */
export const UNICAST_PROBES = 10
/** On a quick link: whoever uses it asks for a sign of life some six times a second. */
const QUICK: DetectionTimes = { baseReachableMs: 150, delayProbeMs: 10, retransMs: 60 }
/** How much more patience there may be: on the slowest links, and where an alarm was false. */
const MAX_RETRANS_MS = 4_000

/**
 * How fast a neighbour is to be found out that does not answer. A full queue answers late: how long the kernel waits before it
 * gives one up follows the time that answers take, in steps, so that it does not change with each sample. When it asks does
 * not: one slow client of a server would make it late for all the others.
 * @param answerMs how long an answer may take, the longest on the interface
 * @param falseAlarms how often a neighbour was there after all
 */
export function detectionTimes(answerMs: number | undefined, falseAlarms: number): DetectionTimes {
  const needed = (answerMs ?? 0) * 2 ** falseAlarms
  let retransMs = QUICK.retransMs * 2 ** falseAlarms
  while (retransMs < needed) retransMs *= 2
  return { ...QUICK, retransMs: Math.min(retransMs, MAX_RETRANS_MS) }
}
