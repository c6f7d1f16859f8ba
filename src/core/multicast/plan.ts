import type { Prefix } from '../values/prefix.ts'
import { type Channel, channelKey, isSourceSpecificGroup } from './channel.ts'
import type { Membership } from './kernel-tables.ts'
import type { LocalSource } from './local-sources.ts'
import type { Join, MulticastState } from './state-message.ts'
import type { Upstream } from './upstream.ts'

/** Where programs of this machine send and receive multicast. */
export const MULTICAST_INTERFACE = 're6stnet-mc'

/** What is known at one moment. */
export interface MulticastSituation {
  /** Groups that programs here have joined. */
  readonly memberships: readonly Membership[]
  readonly localSources: readonly LocalSource[]
  /** What neighbours said last. */
  readonly heard: ReadonlyMap<Prefix, MulticastState>
  /** Whether an address is in this node's subnet. */
  readonly isOwn: (address: string) => boolean
  readonly upstreamOf: (source: string) => Upstream | undefined
  /** Which interface has this link-local address. */
  readonly ifaceOf: (address: string) => string | undefined
  /** A server's tap: its clients hear the server only, so what comes from one of them goes out again to the others. */
  readonly isServer: (iface: string) => boolean
}

/** How the packets of a channel are forwarded. */
export interface MulticastRoute extends Channel {
  readonly from: string
  /** Sorted. */
  readonly to: readonly string[]
}

/** What follows from a situation. */
export interface MulticastPlan {
  readonly routes: readonly MulticastRoute[]
  /** What a neighbour is told: the same in the same order, whoever was heard last. Else what nobody has changed would be news. */
  stateFor(peer: Prefix): MulticastState
}

interface Wanted extends Channel {
  readonly ifaces: Set<string>
}

/**
 * Decides who gets what, as PIM does for single sources (RFC 7761, 4.5): a node that wants a channel, for itself or for
 * others, asks its neighbour on the way to the source for it, and so on up to the source. Senders to groups for any
 * source are made known to all nodes, each taking the news from its neighbour on the way to the sender (RFC 8364).
 */
export function planMulticast(situation: MulticastSituation): MulticastPlan {
  const { localSources, upstreamOf, isOwn, isServer } = situation
  const upstream = remember((source: string) => (isOwn(source) ? undefined : upstreamOf(source)))
  const senders = knownSenders(situation, upstream)
  const local = new Map(localSources.map((each) => [channelKey(each), each.iface]))
  const routes: MulticastRoute[] = []
  const joins = new Map<Prefix, Join[]>()
  for (const { source, group, ifaces } of inOrder(wantedChannels(situation, senders, upstream))) {
    const up = upstream(source)
    const from = local.get(channelKey({ source, group })) ?? up?.iface
    if (from === undefined) continue
    const to = [...ifaces].filter((iface) => iface !== from || isServer(iface)).sort()
    if (to.length > 0) routes.push({ source, group, from, to })
    if (up) joins.set(up.peer, [...(joins.get(up.peer) ?? []), { source, group, via: up.via }])
  }
  const told = inOrder(senders.filter(({ group }) => !isSourceSpecificGroup(group)))
  return {
    routes,
    stateFor: (peer) => ({
      joins: joins.get(peer) ?? [],
      sources: told.filter(({ source }) => upstream(source)?.peer !== peer),
    }),
  }
}

const inOrder = <Item extends Channel>(channels: Iterable<Item>): Item[] =>
  [...channels].sort((one, other) => (channelKey(one) < channelKey(other) ? -1 : 1))

type FindUpstream = (source: string) => Upstream | undefined

/** Senders here, and those that the neighbour on the way to them told of. */
function knownSenders({ localSources, heard }: MulticastSituation, upstream: FindUpstream): Channel[] {
  const told = [...heard].flatMap(([peer, { sources }]) =>
    sources.filter(({ source }) => upstream(source)?.peer === peer),
  )
  return [...localSources, ...told].map(({ source, group }) => ({ source, group }))
}

/** Every channel that somebody wants, and where. */
function wantedChannels(
  { memberships, heard, ifaceOf }: MulticastSituation,
  senders: readonly Channel[],
  upstream: FindUpstream,
): Iterable<Wanted> {
  const wanted = new Map<string, Wanted>()
  const want = ({ source, group }: Channel, iface: string) => {
    const key = channelKey({ source, group })
    const known = wanted.get(key) ?? { source, group, ifaces: new Set() }
    wanted.set(key, known)
    known.ifaces.add(iface)
  }
  for (const { iface, group, sources } of memberships) {
    for (const source of sources) want({ source, group }, iface)
    // Programs that want the group from any source cannot be told from those that want it from some.
    if (isSourceSpecificGroup(group)) continue
    for (const sender of senders) if (sender.group === group) want(sender, iface)
  }
  for (const [peer, { joins }] of heard)
    for (const join of joins) {
      const iface = ifaceOf(join.via)
      if (iface !== undefined && upstream(join.source)?.peer !== peer) want(join, iface)
    }
  return wanted.values()
}

function remember<Result>(compute: (key: string) => Result): (key: string) => Result {
  const known = new Map<string, { readonly value: Result }>()
  return (key) => {
    const found = known.get(key) ?? { value: compute(key) }
    known.set(key, found)
    return found.value
  }
}
