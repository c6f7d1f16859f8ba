import { isUsable } from '../../core/babel/metric.ts'
import type {
  CandidateReply,
  DestinationReply,
  ExplanationReply,
  FormerCandidateReply,
} from '../../core/control/routing-replies.ts'
import { nodeAddress, subnetCidr, subnetNameOf } from '../../core/values/prefix.ts'
import type { NodeEvent } from '../history.ts'
import type { Candidate, FormerCandidate, RouteExplanation } from '../routing/router.ts'
import { type NamingSources, namedNode, nameOf } from './named.ts'
import type { NodeViewSources } from './sources.ts'

type ExplanationSources = NamingSources & Pick<NodeViewSources, 'nodes' | 'history' | 'nowMs'>

/** Why packets to a node go where they go, as `re6st routes NODE` shows it. @throws Re6stError `OPTION` */
export async function explanationOf(text: string, sources: ExplanationSources): Promise<ExplanationReply> {
  const { identity, router } = sources
  const { authority, certificate } = identity()
  const node = namedNode(text, sources)
  const subnet = subnetCidr(authority.network, node)
  const isOwn = node === certificate.prefix
  const prefixes = isOwn ? [] : [subnet, ...subnetsBeside(subnet, router.routes)]
  const explanations = await Promise.all(prefixes.map((prefix) => router.explain(prefix)))
  return {
    node: subnetNameOf(node),
    address: nodeAddress(authority.network, node),
    own: isOwn,
    destinations: explanations.map((explanation) => destinationOf(explanation, sources)),
  }
}

/** What the router announces beside its subnet: its part of the IPv4 payload. */
function subnetsBeside(subnet: string, routes: NodeViewSources['router']['routes']): readonly string[] {
  const ofNode = routes.filter(({ prefix }) => prefix === subnet).map(({ routerId }) => routerId)
  const beside = routes.filter(({ prefix, routerId }) => !prefix.includes(':') && ofNode.includes(routerId))
  return [...new Set(beside.map(({ prefix }) => prefix))].filter((prefix) => prefix !== '0.0.0.0/0')
}

function destinationOf(
  { prefix, candidates, former }: RouteExplanation,
  sources: ExplanationSources,
): DestinationReply {
  const lost = sources.history.lostNeighbours()
  return {
    prefix,
    candidates: candidates
      .map((candidate) => candidateOf(candidate, sources))
      .sort((one, other) => rankOf(one) - rankOf(other) || one.metric - other.metric),
    former: former
      ? former.map((one) => formerOf(one, lost, sources.nowMs()))
      : lost.map((event) => ({ ...neighbourOf(event), metric: null })),
  }
}

const rankOf = ({ reason }: CandidateReply): number => (reason === 'taken' ? 0 : 1)

function candidateOf(candidate: Candidate, { nodes }: Pick<ExplanationSources, 'nodes'>): CandidateReply {
  const { iface, neighbour, metric, refmetric, linkCost, smoothedMetric, rttMs, routerId } = candidate
  const { reason, feasible, isDraining, isDoubted, unansweredMs } = candidate
  return {
    via: neighbour,
    iface,
    nextHop: nameOf(nodes.nodeAt({ iface, address: neighbour })),
    metric,
    announcedMetric: refmetric,
    linkCost: isUsable(linkCost) ? linkCost : null,
    smoothedMetric: smoothedMetric ?? null,
    roundTripMs: rttMs ?? null,
    feasible: feasible ?? null,
    reason: reason === 'selected' ? 'taken' : reason,
    draining: isDraining,
    doubted: isDoubted,
    unansweredMs: unansweredMs === undefined ? null : Math.round(unansweredMs),
    routerId,
  }
}

/** The router knows what was announced; who the neighbour was, is told by what happened. */
function formerOf(
  { iface, neighbour, metric, cause, goneMsAgo }: FormerCandidate,
  lost: readonly NodeEvent[],
  nowMs: number,
): FormerCandidateReply {
  const event = lost.find((one) => one.iface === iface && one.via === neighbour)
  return {
    via: neighbour,
    iface,
    nextHop: nameOf(event?.node),
    metric: isUsable(metric) ? metric : null,
    since: new Date(nowMs - goneMsAgo).toISOString(),
    cause,
  }
}

const neighbourOf = ({ via = '', iface = '', node, atMs, cause }: NodeEvent) => ({
  ...{ via, iface, nextHop: nameOf(node), since: new Date(atMs).toISOString(), cause: cause ?? null },
})
