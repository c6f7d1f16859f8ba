import { isUsable } from '../core/babel/metric.ts'
import type { NetworkConfig } from '../core/config/network-config.ts'
import { PROTOCOL } from '../core/config/protocol-number.ts'
import type {
  DrainReply,
  FailingReply,
  RouteReply,
  StatusReply,
  TunnelReply,
} from '../core/control/replies.ts'
import { renewalDueMs } from '../core/crypto/certificate.ts'
import { nodeOfDestination } from '../core/routes/destination.ts'
import { isConnected } from '../core/tunnels/bootstrap.ts'
import { ANYONE } from '../core/tunnels/decisions.ts'
import { formatAddressList } from '../core/values/address-list.ts'
import { bracketed } from '../core/values/bracketed.ts'
import { ipv4RangeLength } from '../core/values/ipv4-payload.ts'
import { numberOfVersion } from '../core/values/network-version.ts'
import { networkCidr, subnetCidr, subnetNameOf } from '../core/values/prefix.ts'
import { VERSION } from '../platform/version.ts'
import type { ControlAnswers } from './control/control-server.ts'
import type { Neighbour } from './routing/router.ts'
import type { TunnelInfo } from './tunnels/tunnel-info.ts'
import type { NodeViewSources } from './view/sources.ts'

/** What `re6st` shows of a node. */
export const nodeAnswers = (sources: NodeViewSources): ControlAnswers => ({
  status: () => statusOf(sources),
  tunnels: () => sources.tunnels.list().map((tunnel) => tunnelOf(tunnel, sources)),
  routes: () => routesOf(sources),
  trace: async (node) => (await import('./view/trace.ts')).traceOf(node, sources),
  // What is rarely asked is loaded when it is.
  explain: async (node) => (await import('./view/explanation.ts')).explanationOf(node, sources),
  events: async (after) => (await import('./view/events.ts')).eventsOf(after, sources),
  drain: (undo) => drained(undo, sources),
  probe: async () => ({ ...(await sources.probe.run()), forwarded: sources.isForwarded() }),
})

/** For this long the answer waits until others have found other ways. */
const DRAIN_WAIT_MS = 15_000

async function drained(undo: boolean, { draining }: NodeViewSources): Promise<DrainReply> {
  draining.set(!undo)
  const forwarding = undo ? null : !(await draining.emptied(DRAIN_WAIT_MS))
  return { draining: sinceOf(draining), forwarding }
}

const sinceOf = ({ sinceMs }: NodeViewSources['draining']): string | null =>
  sinceMs === undefined ? null : time(sinceMs)

function statusOf({
  identity,
  config,
  nodes,
  tunnels,
  advertised,
  registry,
  ...rest
}: NodeViewSources): StatusReply {
  const { authority, certificate, address } = identity()
  const { network } = authority
  const { registryPrefix, ...settings } = config()
  const own = certificate.prefix
  const connected = isConnected(own, registryPrefix, {
    isReachable: (prefix) => nodes.isReachable(prefix),
    reachesAnybody: nodes.size > 0,
  })
  const number = numberOfVersion(settings.version)
  return {
    version: VERSION,
    protocol: PROTOCOL,
    connected,
    cutOff: connected ? null : cutOffOf(tunnels, rest.nowMs()),
    draining: sinceOf(rest.draining),
    uptimeSeconds: Math.floor(rest.uptimeMs() / 1000),
    name: certificate.subnetName,
    address,
    subnet: subnetCidr(network, own),
    network: networkCidr(network),
    advertised: advertised().map((one) => formatAddressList([one], { withCountry: true })),
    reachableNodes: nodes.size,
    registry: {
      url: rest.registryUrl,
      node: subnetNameOf(registryPrefix),
      nodeReachable: registryPrefix === own || nodes.isReachable(registryPrefix),
      lastAnswer: registry.contact.lastAnswerMs === undefined ? null : time(registry.contact.lastAnswerMs),
      lastError: registry.contact.lastError ?? null,
    },
    certificate: {
      serial: String(certificate.serial),
      notBefore: time(certificate.notBeforeMs),
      notAfter: time(certificate.notAfterMs),
      renewal: time(renewalDueMs(certificate)),
      authorityNotAfter: time(authority.notAfterMs),
      revoked: settings.crl.has(certificate.serial),
    },
    certificatesInUseTwice: tunnels.sharedCertificates.map(({ prefix, addresses, sinceMs }) => ({
      node: subnetNameOf(prefix),
      underlays: addresses,
      since: time(sinceMs),
    })),
    configuration: {
      version: number.ok ? String(number.value) : '?',
      helloSeconds: settings.helloIntervalMs / 1000,
      encrypt: settings.encrypt,
      clientCount: settings.clientCount,
      maxClients: settings.maxClients,
      authenticatedRouting: settings.keys.sign !== undefined,
      ipv4: ipv4RangeOf(settings),
    },
    failing: failingOf(rest.failures()),
    router: rest.routerName,
    sourceSpecificRoutes: rest.sourceSpecificRoutes,
    multicast: rest.multicast() ?? null,
  }
}

/** Since when we are cut off, and what we do about it. */
function cutOffOf(tunnels: NodeViewSources['tunnels'], nowMs: number): StatusReply['cutOff'] {
  const { cutOff } = tunnels
  const own = tunnels.list().filter(({ direction }) => direction === 'client')
  const peersOf = (state: TunnelInfo['state']) =>
    own.flatMap((tunnel) =>
      tunnel.state === state ? [tunnel.prefix === undefined ? ANYONE : subnetNameOf(tunnel.prefix)] : [],
    )
  const nextAskMs = cutOff?.nextAskMs ?? nowMs
  return {
    // Just now, if it has not been noticed yet.
    since: time(cutOff?.sinceMs ?? nowMs),
    connecting: peersOf('connecting'),
    tunnels: peersOf('up'),
    registryAskedAt: Number.isFinite(nextAskMs) ? time(Math.max(nextAskMs, nowMs)) : null,
  }
}

const FAILING: readonly FailingReply['what'][] = [
  'configuration',
  'changes',
  'renewal',
  'ipv4',
  'servers',
  'forwarding',
  'cache',
]

const failingOf = (failures: ReturnType<NodeViewSources['failures']>): FailingReply[] =>
  FAILING.flatMap((what) => {
    const reason = failures[what]
    return reason === undefined ? [] : [{ what, reason }]
  })

/** Parameters that cannot work are as none: the node goes on without. */
const ipv4RangeOf = ({ ipv4 }: Pick<NetworkConfig, 'ipv4'>): string | null =>
  ipv4 && ipv4RangeLength(ipv4.range, ipv4.subnetBits).ok ? ipv4.range : null

function tunnelOf(tunnel: TunnelInfo, sources: NodeViewSources): TunnelReply {
  const neighbour = neighbourOf(tunnel, sources)
  return {
    direction: tunnel.direction,
    state: tunnel.state,
    peer: tunnel.prefix === undefined ? null : subnetNameOf(tunnel.prefix),
    iface: tunnel.iface,
    protocol: tunnel.protocol ?? null,
    underlay: tunnel.underlay ? `${bracketed(tunnel.underlay.address)}:${tunnel.underlay.port}` : null,
    since: time(tunnel.sinceMs),
    receivedBytes: tunnel.receivedBytes,
    sentBytes: tunnel.sentBytes,
    roundTripMs: neighbour?.rttMs ?? null,
    cost: neighbour && isUsable(neighbour.cost) ? neighbour.cost : null,
    reason: tunnel.reason ?? null,
  }
}

/** The neighbour behind a tunnel: a server has many on one interface. */
function neighbourOf(
  { iface, prefix, state }: TunnelInfo,
  { router, nodes }: Pick<NodeViewSources, 'router' | 'nodes'>,
): Neighbour | undefined {
  if (state !== 'up' || prefix === undefined) return undefined
  return router.neighbours.find((one) => one.iface === iface && nodes.nodeAt(one) === prefix)
}

function routesOf({ identity, router, nodes }: NodeViewSources): RouteReply[] {
  const { network } = identity().authority
  return router.routes
    .flatMap(({ prefix, via, iface, metric, installed, routerId }) => {
      const node = nodeOfDestination(network, prefix)
      if (node === undefined || !isUsable(metric)) return []
      const hop = nodes.nodeAt({ iface, address: via })
      const nextHop = hop === undefined ? null : subnetNameOf(hop)
      return [{ prefix, node: subnetNameOf(node), via, iface, nextHop, metric, installed, routerId }]
    })
    .sort(
      (one, other) =>
        Number.parseInt(one.node, 10) - Number.parseInt(other.node, 10) || one.metric - other.metric,
    )
}

const time = (ms: number): string => new Date(ms).toISOString()
