import { networkInterfaces } from 'node:os'
import type { ProbeReply, RouteReply, StatusReply, TunnelReply } from '../../core/control/replies.ts'
import type { NodeFacts } from '../../core/doctor/diagnosis.ts'
import type { MulticastFacts } from '../../core/doctor/multicast.ts'
import {
  type ConnectionFacts,
  lasting,
  type NeighbourFacts,
  patienceOf,
} from '../../core/doctor/neighbours.ts'
import type { ReachabilityFacts } from '../../core/doctor/reachability.ts'
import { codeOf, messageOf } from '../../core/errors.ts'
import { smcroutectlArguments, smcroutePaths } from '../../core/multicast/smcroute.ts'
import type { NodeOptions } from '../../core/options/node-options.ts'
import { NO_NEIGHBOUR } from '../../core/tunnels/patience.ts'
import { parseAddressList } from '../../core/values/address-list.ts'
import { ipJson } from '../../platform/ip-json.ts'
import { systemProcesses } from '../../platform/processes.ts'
import { askNode } from '../ask.ts'
import { printedBy } from './machine.ts'

/** What a running node says of itself. */
export interface NodeReplies {
  readonly status: StatusReply
  readonly tunnels: readonly TunnelReply[]
  readonly routes: readonly RouteReply[]
}

/** A node that runs, or why there is none. */
export type FoundNode =
  | { readonly kind: 'running'; readonly replies: NodeReplies }
  | { readonly kind: 'not-running' }
  | Extract<NodeFacts, { kind: 'silent' }>

/** The node takes up to 6 s to hear its neighbours. */
const PROBE_TIMEOUT_MS = 20_000
/** It answers in milliseconds. */
const SMCROUTED_TIMEOUT_MS = 5_000
/** IPv6 and ICMPv6 headers. */
const PING_HEADERS = 48

/** Asks the node that runs with these options. */
export async function findNode({ controlSocket }: Pick<NodeOptions, 'controlSocket'>): Promise<FoundNode> {
  try {
    const [status, tunnels, routes] = await Promise.all([
      askNode(controlSocket, 'status'),
      askNode(controlSocket, 'tunnels'),
      askNode(controlSocket, 'routes'),
    ])
    return { kind: 'running', replies: { status, tunnels, routes } }
  } catch (error) {
    const code = codeOf((error as Error).cause)
    return code === 'ENOENT' || code === 'ECONNREFUSED'
      ? { kind: 'not-running' }
      : { kind: 'silent', reason: messageOf(error) }
  }
}

/**
 * Finds out what passes between a running node and its neighbours, and whether it can be reached.
 * @param notExamined takes what could not be found out, and why
 */
export async function nodeFacts(
  options: NodeOptions,
  replies: NodeReplies,
  notExamined: string[],
): Promise<NodeFacts> {
  const { status, tunnels, routes } = replies
  const probe = await askNode(options.controlSocket, 'probe', PROBE_TIMEOUT_MS).catch((error: unknown) => {
    notExamined.push(
      `messages between nodes, and whether others can connect to this one: ${messageOf(error)}`,
    )
    return undefined
  })
  const canPing = (await printedBy('ping', '-V')) !== undefined
  if (!canPing)
    notExamined.push('pings, ICMPv6 and MTU: the program ping is not there (apt-get install iputils-ping)')
  const [mtus, multicast] = await Promise.all([interfaceMtus(), multicastFacts(options, status)])
  const now = Date.now()
  const tried = await Promise.all(
    tunnels
      .filter(({ state }) => state === 'up')
      .map((tunnel) => neighbourFacts(tunnel, { routes, probe, mtus, canPing, now })),
  )
  // Tunnels come and go: over one that ended meanwhile nobody could answer.
  const later = await askNode(options.controlSocket, 'tunnels').catch(() => tunnels)
  const neighbours = lasting(tried, later)
  const connection: ConnectionFacts = {
    uptimeMs: status.uptimeSeconds * 1000,
    helloMs: status.configuration.helloSeconds * 1000,
    isConnected: status.connected,
    isRegistryNode: status.registry.node === status.name,
    isEncrypted: status.configuration.encrypt,
    // A node of an older version says neither this nor the following two.
    draining: status.draining ?? null,
    reachableNodes: status.reachableNodes,
    failures: tunnels
      .filter(({ state }) => state === 'failed')
      .sort((one, other) => Date.parse(other.since) - Date.parse(one.since))
      .map(({ peer, reason }) => `${peer ?? '?'}: ${reason ?? 'no reason known'}`),
    neighbours: [...neighbours, ...unheardFacts(tunnels)],
    failing: status.failing ?? [],
    inUseTwice: (status.certificatesInUseTwice ?? []).map(({ node, underlays }) => ({
      ...{ peer: node, underlays },
      isOwn: node === status.name,
    })),
  }
  if (!status.connected && connection.uptimeMs < patienceOf(connection))
    notExamined.push(
      `whether the node is connected: it runs for ${status.uptimeSeconds} s only, ask again in a minute`,
    )
  return {
    kind: 'running',
    connection,
    reachability: reachabilityFacts(options, replies, probe, notExamined),
    multicast,
  }
}

/** Tunnels that the node ended because routing heard nobody over them, and has not made again yet. */
function unheardFacts(tunnels: readonly TunnelReply[]): NeighbourFacts[] {
  const upTo = new Set(tunnels.filter(({ state }) => state === 'up').map(({ peer }) => peer))
  return tunnels
    .filter(({ state, reason, peer }) => state === 'failed' && reason === NO_NEIGHBOUR && !upTo.has(peer))
    .map(({ peer, iface, protocol, since }) => ({
      ...{ peer: peer ?? '?', iface, protocol: protocol ?? '?' },
      ...{ since, ageMs: Number.POSITIVE_INFINITY, isRouted: false },
      ...{ pings: undefined, mtu: undefined, pingsFull: undefined, answers: undefined },
    }))
}

/** Undefined: the node runs without multicast, or is of a version that does not tell. */
async function multicastFacts(
  { runDirectory }: Pick<NodeOptions, 'runDirectory'>,
  { multicast, uptimeSeconds }: StatusReply,
): Promise<MulticastFacts | undefined> {
  if (!multicast) return undefined
  return {
    uptimeMs: uptimeSeconds * 1000,
    reason: multicast.routing ? undefined : (multicast.reason ?? 'no reason known'),
    answers: multicast.routing ? await smcroutedAnswers(runDirectory) : undefined,
  }
}

async function smcroutedAnswers(runDirectory: string): Promise<boolean | undefined> {
  try {
    await systemProcesses.run('smcroutectl', smcroutectlArguments(smcroutePaths(runDirectory)), {
      timeoutMs: SMCROUTED_TIMEOUT_MS,
    })
    return true
  } catch (error) {
    return messageOf(error).includes('ENOENT') ? undefined : false
  }
}

async function neighbourFacts(
  tunnel: TunnelReply,
  known: {
    readonly routes: readonly RouteReply[]
    readonly probe: ProbeReply | undefined
    readonly mtus: ReadonlyMap<string, number>
    readonly canPing: boolean
    readonly now: number
  },
): Promise<NeighbourFacts> {
  const { iface } = tunnel
  const peer = tunnel.peer ?? '?'
  const mtu = known.mtus.get(iface)
  const linkLocal = known.routes.find(
    (route) => route.node === peer && route.nextHop === peer && route.iface === iface,
  )?.via
  const probed = known.probe?.neighbours.find((one) => one.peer === peer)
  const target = linkLocal && `${linkLocal}%${iface}`
  let pings: boolean | undefined
  let pingsFull: boolean | undefined
  if (known.canPing && target !== undefined && tunnel.cost !== null) {
    const both = await Promise.all([isAnswered(target), probed ? isAnswered(probed.address) : true])
    pings = both.every(Boolean)
    // Last of all: where large packets are lost, they may stop a TCP tunnel for a while.
    if (pings && mtu !== undefined)
      pingsFull = await isAnswered(target, '-M', 'do', '-s', String(mtu - PING_HEADERS))
  }
  return {
    peer,
    iface,
    protocol: tunnel.protocol ?? '?',
    since: tunnel.since,
    ageMs: known.now - Date.parse(tunnel.since),
    isRouted: tunnel.cost !== null,
    pings,
    mtu,
    pingsFull,
    answers: probed && probed.answerMs !== null,
  }
}

/** One of three is enough: some packets are lost on any way. */
async function isAnswered(address: string, ...options: string[]): Promise<boolean> {
  try {
    await systemProcesses.run('ping', [
      '-6',
      '-n',
      '-q',
      '-c',
      '3',
      '-i',
      '0.3',
      '-W',
      '2',
      ...options,
      address,
    ])
    return true
  } catch {
    return false
  }
}

async function interfaceMtus(): Promise<ReadonlyMap<string, number>> {
  const links = await ipJson<{ ifname: string; mtu: number }>(systemProcesses, 'link', 'show')
  return new Map(links.map(({ ifname, mtu }) => [ifname, mtu]))
}

function reachabilityFacts(
  { listeners, maxClients, ownAddresses }: NodeOptions,
  { status, tunnels }: NodeReplies,
  probe: ProbeReply | undefined,
  notExamined: string[],
): ReachabilityFacts {
  const hasServers = listeners.length > 0 && (maxClients ?? status.configuration.maxClients) > 0
  if (hasServers && probe && probe.dialled.length === 0)
    notExamined.push(
      'whether others can connect to this node: no neighbour tried (only nodes of this implementation do, with public addresses)',
    )
  return {
    uptimeMs: status.uptimeSeconds * 1000,
    listeners: hasServers ? listeners : [],
    advertised: status.advertised.flatMap((text) =>
      parseAddressList(text).addresses.map((address) => ({
        ...address,
        text: text.split(',').slice(0, 3).join(','),
      })),
    ),
    interfaceAddresses: Object.values(networkInterfaces())
      .flat()
      .flatMap((one) => (one ? [one.address] : [])),
    given: ownAddresses,
    isForwarded: probe?.forwarded ?? false,
    served: new Set(
      tunnels
        .filter(({ direction, state }) => direction === 'server' && state === 'up')
        .flatMap(({ protocol }) => (protocol === null ? [] : [protocol])),
    ),
    dialled: (probe?.dialled ?? []).map((one) => ({ ...one, reason: one.reason ?? undefined })),
  }
}
