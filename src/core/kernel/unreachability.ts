/** Times of the kernel's neighbour unreachability detection (RFC 4861, 7.3 and 10) on an interface. */
export interface DetectionTimes {
  /** How long a neighbour counts as reachable after it has answered. */
  readonly baseReachableMs: number
  /** How long a packet may wait for a sign of life before the neighbour is asked. */
  readonly delayProbeMs: number
  /** Between two questions. */
  readonly retransMs: number
  /** Questions until it is taken for gone. */
  readonly unicastProbes: number
}

/**
 * How long the kernel asks in vain until it takes a neighbour for gone, and loses what is sent to it: long after routing has
 * another way, if there is one, and not before a delay that comes suddenly is over.
 */
const PATIENCE_MS = 600
/** On the slowest links, and where an alarm was false. */
const MAX_PATIENCE_MS = 40_000
/**
 * Whoever uses a link asks for a sign of life some eight times a second: also on a slow one, where only the answer takes its
 * time. One slow client of a server would make it late for all the others.
 */
const BASE_REACHABLE_MS = 120
const DELAY_PROBE_MS = 10
/** Between two questions: until the next one nothing is known if one of them is lost. */
const RETRANS_MS = { quick: 60, slow: 240 } as const
/** Of the answers that a neighbour may take their time for, one is enough. */
const ANSWERS_IN_PATIENCE = 10

/**
 * How fast a neighbour is to be found out that does not answer. A full queue answers late: the kernel's patience follows the
 * time that answers take, in steps, so that it does not change with each sample.
 * @param answerMs how long an answer may take, the longest on the interface
 * @param falseAlarms how often a neighbour was there after all
 */
export function detectionTimes(answerMs: number | undefined, falseAlarms: number): DetectionTimes {
  const needed = (answerMs ?? 0) * ANSWERS_IN_PATIENCE * 2 ** falseAlarms
  let patienceMs = PATIENCE_MS * 2 ** falseAlarms
  while (patienceMs < needed) patienceMs *= 2
  patienceMs = Math.min(patienceMs, MAX_PATIENCE_MS)
  const retransMs = Math.min(RETRANS_MS.slow, (RETRANS_MS.quick * patienceMs) / PATIENCE_MS)
  return {
    baseReachableMs: BASE_REACHABLE_MS,
    delayProbeMs: DELAY_PROBE_MS,
    retransMs,
    unicastProbes: Math.round(patienceMs / retransMs),
  }
}
