import { isUsable } from '../core/babel/metric.ts'
import type {
  CandidateReply,
  DestinationReply,
  EventReply,
  EventsReply,
  ExplanationReply,
  FormerCandidateReply,
  HopReply,
  TraceReply,
  WayReply,
} from '../core/control/routing-replies.ts'
import { printable } from '../core/values/printable.ts'
import { ago, aligned, type Look, painter } from './tables.ts'

/** What `re6st routes NODE` prints. */
export function explanationText(explanation: ExplanationReply, look: Look): string {
  const { node, address, own, destinations } = explanation
  const head = `${painter(look)('bold', node)}  ${address}`
  if (own) return `${head}  this node itself`
  return [head, ...destinations.map((destination) => destinationText(destination, look))].join('\n')
}

function destinationText({ prefix, candidates, former }: DestinationReply, look: Look): string {
  const noWay = `${prefix}: no way: no neighbour announces one`
  if (candidates.length + former.length === 0) return noWay
  const paint = painter(look)
  const rows = [...candidates.map((one) => candidateRow(one)), ...former.map((one) => formerRow(one, look))]
  const table = aligned(
    [['', 'NEXT HOP', 'IFACE', 'METRIC', 'ANNOUNCED', 'LINK', 'RTT', 'WHY'], ...rows],
    (line, row) => (row === 0 || candidates[row - 1]?.reason !== 'taken' ? paint('dim', line) : line),
  )
  // Neighbours that are gone need not have announced one: babeld does not say of which they did.
  if (candidates.length === 0) return `${noWay}\n${table}`
  const isTaken = candidates.some(({ reason }) => reason === 'taken')
  return `${isTaken ? prefix : `${prefix}: ${paint('red', 'packets have no way there')}`}\n${table}`
}

function candidateRow(candidate: CandidateReply): string[] {
  const { reason, nextHop, via, iface, metric, announcedMetric, linkCost, roundTripMs } = candidate
  return [
    reason === 'taken' ? '*' : '',
    nextHop ?? via,
    iface,
    costText(metric),
    costText(announcedMetric),
    linkCost === null ? '-' : String(linkCost),
    milliseconds(roundTripMs),
    whyText(candidate),
  ]
}

function whyText({ reason, smoothedMetric, draining, doubted, unansweredMs }: CandidateReply): string {
  const notes = [
    ...(draining ? ['the link is being left'] : []),
    ...(doubted && unansweredMs === null ? ['the neighbour did not answer lately'] : []),
    ...(unansweredMs === null ? [] : [`no answer for ${(unansweredMs / 1000).toFixed(1)} s`]),
  ]
  return [reasonText(reason, smoothedMetric), ...notes].join('; ')
}

function reasonText(reason: CandidateReply['reason'], smoothedMetric: number | null): string {
  switch (reason) {
    case 'taken':
      return 'taken'
    case 'worse':
      return 'not better'
    case 'infeasible':
      return 'infeasible: it could lead back here'
    case 'hysteresis':
      return `better, but not for long enough: ${smoothedMetric ?? '?'} on average`
    case 'retracted':
      return 'announced no more'
    case 'link-unusable':
      return 'the link cannot be used'
    case 'unknown':
      return 'better, but infeasible or not for long enough: babeld does not say which'
  }
}

function formerRow(
  { nextHop, via, iface, metric, since, cause }: FormerCandidateReply,
  look: Look,
): string[] {
  const how = causeText(cause) ?? 'babeld does not say how it noticed'
  const why = `gone for ${ago(since, look)}: ${how}`
  return ['', nextHop ?? via, iface, metric === null ? '-' : String(metric), '-', '-', '-', why]
}

const costText = (metric: number): string => (isUsable(metric) ? String(metric) : '-')
const milliseconds = (ms: number | null): string => (ms === null ? '-' : `${ms.toFixed(1)} ms`)

/** Causes as people read them; those of tunnels are phrases already. */
const CAUSES: Readonly<Record<string, string>> = {
  'no answer': 'it did not answer',
  'transport ended': 'its tunnel ended',
  goodbye: 'it began anew',
  'too many': 'there were too many neighbours',
  'interface down': 'the interface went down',
  announced: 'announced',
  retracted: 'retracted by the next hop',
  expired: 'not announced again in time',
  infeasible: 'it could lead back here',
  'link unusable': 'the link cannot be used any more',
  'neighbour lost': 'the neighbour was lost',
  'not accepted': 'not wanted here any more',
  first: 'the first one',
  'next best': 'the best that is left',
  better: 'better than the one before',
  replaced: 'there is a better one',
}

const causeText = (cause: string | null): string | undefined =>
  cause === null ? undefined : (CAUSES[cause] ?? cause)

/** What `re6st events` prints. */
export function eventsText({ events, forgotten }: EventsReply): string {
  if (events.length === 0) return 'nothing has happened yet'
  return [...forgottenLines(forgotten), ...events.map(eventLine)].join('\n')
}

/** Says that there is a gap. */
export const forgottenLines = (forgotten: number): readonly string[] =>
  forgotten === 0 ? [] : [`(${forgotten} earlier events are not remembered any more)`]

/** An event on one line. */
export function eventLine(event: EventReply): string {
  const cause = causeText(event.cause)
  return printable(`${event.time}  ${happened(event)}${cause === undefined ? '' : `: ${cause}`}`)
}

function happened({ kind, node, prefix, nextHop, iface, via, metric }: EventReply): string {
  const place = [iface, via].filter((part) => part !== null).join(' ')
  const neighbour = node ?? 'of unknown name'
  const destination = node ?? prefix ?? '?'
  switch (kind) {
    case 'neighbour-up':
      return `neighbour ${neighbour} (${place}) can be used, cost ${metric ?? '?'}`
    case 'neighbour-lost':
      return `neighbour ${neighbour} (${place}) is lost`
    case 'neighbour-doubted':
      return `neighbour ${neighbour} (${place}) is doubted, cost ${metric ?? '?'}`
    case 'neighbour-trusted':
      return `neighbour ${neighbour} (${place}) is trusted again, cost ${metric ?? '?'}`
    case 'way-taken':
      return `packets to ${destination} go over ${nextHop ?? via ?? '?'} (${iface ?? '?'}), metric ${metric ?? '?'}`
    case 'way-left':
      return `packets to ${destination} go over ${nextHop ?? via ?? '?'} (${iface ?? '?'}) no more`
    case 'tunnel-up':
      return `tunnel with ${node ?? 'anyone'} (${place}) is up`
    case 'tunnel-down':
      return `tunnel with ${node ?? 'anyone'} (${place}) ended`
    case 'tunnel-failed':
      return `tunnel with ${node ?? 'anyone'} (${place}) could not be made`
    case 'router-restarted':
      return 'routing was restarted'
    default:
      // A newer node may know more.
      return `${String(kind)} ${destination} (${place})`
  }
}

/** What `re6st trace` prints. */
export const traceText = (trace: TraceReply, look: Look): string =>
  [
    `${painter(look)('bold', trace.node)}  ${trace.address}`,
    ...wayLines('there', trace.there, look),
    ...wayLines('back', trace.back, look),
  ].join('\n')

function wayLines(name: string, { hops, complete, problem }: WayReply, look: Look): string[] {
  const paint = painter(look)
  const rows = hops.map((hop, at) => hopRow(hop, at + 1))
  const table =
    rows.length === 0
      ? []
      : aligned([['', 'NODE', 'ADDRESS', 'LINK', 'FROM HERE', ''], ...rows], (line, row) =>
          row === 0 ? paint('dim', line) : line,
        )
          .split('\n')
          .map((line) => `  ${line}`)
  const end = complete ? [] : [`  ${paint('yellow', `not followed to its end: ${problem ?? '?'}`)}`]
  return [name, ...table, ...end]
}

const hopRow = ({ node, address, linkMs, roundTripMs, foundBy }: HopReply, number: number): string[] => [
  String(number),
  node ?? '?',
  address ?? '?',
  milliseconds(linkMs),
  milliseconds(roundTripMs),
  foundBy === 'packets' ? 'as packets show' : '',
]
