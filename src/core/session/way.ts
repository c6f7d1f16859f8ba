import { type Prefix, prefixOfSubnetName, subnetNameOf } from '../values/prefix.ts'

/*
 * "Where do you send packets to this node?": ours alone know this message; others acknowledge it and do nothing. The
 * question is the name of the node; the answer goes on with the name of the next hop, its round-trip time in milliseconds
 * and the metric, each of them `-` if there is none:
 *
 *   5/16
 *   5/16 3/16 12.345 192
 */

/** Where packets to a node go from another one, as that one has it. */
export interface WayAnswer {
  readonly target: Prefix
  /** Undefined: it has no way, or does not know who its neighbour there is. */
  readonly next: Prefix | undefined
  /** Of the link to it. */
  readonly rttMs: number | undefined
  /** Undefined: it has no way. */
  readonly metric: number | undefined
}

/** What came of a question: an answer; it was heard, and not understood; nothing. */
export type WayOutcome = WayAnswer | 'not understood' | 'no answer'

/** A question, or its answer. */
export type WayMessage =
  | { readonly kind: 'question'; readonly target: Prefix }
  | ({ readonly kind: 'answer' } & WayAnswer)

const NONE = '-'

/** Writes an answer. */
export const formatWay = ({ target, next, rttMs, metric }: WayAnswer): string =>
  [
    subnetNameOf(target),
    next === undefined ? NONE : subnetNameOf(next),
    rttMs === undefined ? NONE : rttMs.toFixed(3),
    metric ?? NONE,
  ].join(' ')

/** Reads either; undefined: it is neither. */
export function parseWay(text: string): WayMessage | undefined {
  const [targetText = '', nextText, rttText = '', metricText = '', ...more] = text.split(' ')
  const target = prefixOfSubnetName(targetText)
  if (!target.ok || more.length > 0) return undefined
  if (nextText === undefined) return { kind: 'question', target: target.value }
  const next = nextText === NONE ? undefined : prefixOfSubnetName(nextText)
  const [rttMs, metric] = [numberOf(rttText), numberOf(metricText)]
  if (next?.ok === false || rttMs === 'none' || metric === 'none') return undefined
  return { kind: 'answer', target: target.value, next: next?.value, rttMs, metric }
}

function numberOf(text: string): number | undefined | 'none' {
  if (text === NONE) return undefined
  return /^\d{1,6}(\.\d{1,6})?$/.test(text) ? Number(text) : 'none'
}
