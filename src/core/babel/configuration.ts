import type { LinkDefaults } from '../config/link-defaults.ts'
import { ROUTE_METRIC } from '../kernel/route-table.ts'
import { isSameOctets } from '../octets.ts'
import type { DefaultRoute, Ipv4Announcement } from '../routes/announcements.ts'
import { ANY_IPV4, ANY_IPV6, isAnySource } from '../routes/any-source.ts'
import { ADDRESS_BITS, addressOfBits, bitsOfAddress } from '../values/bits.ts'
import type { LinkKind, LinkParameters, LocalRoute } from './engine/ports.ts'
import type { MacKey, MacKeys } from './mac/keys.ts'
import { LAN_RXCOST, TUNNEL_RXCOST } from './metric.ts'
import type { Destination } from './wire/tlv.ts'

/** What our own router does for its node. */
export interface BabelSettings {
  /** In CIDR notation, also with bits beyond its length. */
  readonly nodeCidr: string
  readonly networkCidr: string
  readonly ipv4: Ipv4Announcement | undefined
  readonly defaultRoute: DefaultRoute
  readonly helloIntervalMs: number
  readonly linkDefaults: LinkDefaults
  /** Whether the kernel has source-specific routes. */
  readonly sourceSpecific: boolean
}

/** Round-trip times and what they cost, where the network says nothing: babeld's own, for a tunnel and for a wire. */
const BABELD = {
  tunnelRttPenalty: 96,
  rttMinMs: 10,
  rttMaxMs: 120,
  rttDecay: 42,
} as const

/** RFC 8966, B: a full update for every four hellos. */
const HELLOS_PER_UPDATE = 4

/** How costs come about on an interface. */
export function linkParametersOf(
  { helloIntervalMs, linkDefaults }: Pick<BabelSettings, 'helloIntervalMs' | 'linkDefaults'>,
  kind: LinkKind,
): LinkParameters {
  const { rxcost, maxRttPenalty, rttMinMs, rttMaxMs, rttDecay } = linkDefaults
  const isLan = kind === 'lan'
  return {
    helloIntervalMs,
    updateIntervalMs: HELLOS_PER_UPDATE * helloIntervalMs,
    rxcost: rxcost ?? (isLan ? LAN_RXCOST : TUNNEL_RXCOST),
    maxRttPenalty: maxRttPenalty ?? (isLan ? 0 : BABELD.tunnelRttPenalty),
    rttMinMs: rttMinMs ?? BABELD.rttMinMs,
    rttMaxMs: rttMaxMs ?? BABELD.rttMaxMs,
    rttDecay: rttDecay ?? BABELD.rttDecay,
    // Clients of a server do not hear each other; on a LAN not all may.
    splitHorizon: kind === 'tunnel',
  }
}

/** What we announce. @param hasDefaultRoute whether this machine has a way to the Internet now */
export function localRoutesOf(
  { nodeCidr, networkCidr, ipv4, defaultRoute }: BabelSettings,
  hasDefaultRoute: boolean,
): readonly LocalRoute[] {
  return [
    { prefix: withoutHostBits(nodeCidr), from: ANY_IPV6, metric: 0 },
    ...(ipv4 ? [{ prefix: ipv4.subnet, from: ANY_IPV4, metric: 0 }] : []),
    ...(defaultRoute === 'announce' && hasDefaultRoute
      ? [{ prefix: ANY_IPV6, from: networkCidr, metric: 0 }]
      : []),
  ]
}

/**
 * Whether a route of others is taken. One to everywhere that is announced for all sources would carry away what is not the
 * network's; a kernel without source-specific routes has no place for those of one source, but for the network's way to the
 * Internet.
 */
export function isTaken(
  { networkCidr, defaultRoute, sourceSpecific }: BabelSettings,
  { prefix, from }: Destination,
): boolean {
  if (isMartian(prefix)) return false
  const isForAll = isAnySource(from)
  if (!prefix.includes(':')) {
    // The kernel has no sources for IPv4 and ignores them: such a route would be one for all.
    if (from !== ANY_IPV4) return false
    return prefix !== ANY_IPV4 || defaultRoute === 'take-as-announced'
  }
  if (prefix !== ANY_IPV6) return isForAll || sourceSpecific
  if (from === networkCidr) return true
  return defaultRoute === 'take-as-announced' && (sourceSpecific || isForAll)
}

/**
 * Whether others hear from us of what we have learnt. Where the kernel does not tell sources apart, a way to everywhere is
 * not what it says, and nobody is to send packets here for it.
 */
export const isPassedOn = (
  { sourceSpecific }: Pick<BabelSettings, 'sourceSpecific'>,
  { prefix }: Destination,
): boolean => sourceSpecific || prefix !== ANY_IPV6

/**
 * The route of the kernel for a destination. Where it does not tell sources apart, the network's way to the Internet is one for
 * all: after all others that this machine has, so that nothing is carried away.
 */
export const kernelDestinationOf = (
  { sourceSpecific }: Pick<BabelSettings, 'sourceSpecific'>,
  { prefix, from }: Destination,
): Destination & { readonly metric: number } =>
  sourceSpecific || prefix !== ANY_IPV6 || from === ANY_IPV6
    ? { prefix, from, metric: ROUTE_METRIC.re6st }
    : { prefix, from: ANY_IPV6, metric: ROUTE_METRIC.withoutSource }

/** The network's keys, as they come with its configuration. */
export interface NetworkKeys {
  /** Undefined: nothing is signed. */
  readonly sign: Uint8Array | undefined
  /** Also accepted; 'anything' while a network turns authentication on. */
  readonly accept: Uint8Array | 'anything' | undefined
  /** Those of others that have gone on already: a router that can have several signs with, and accepts, them as well. */
  readonly beside?: readonly Uint8Array[]
}

/**
 * The keys that count (RFC 8967). While a network goes from one to another, packets carry a MAC of both: a neighbour that knows
 * only one of them, whichever, stays.
 */
export function macKeysOf({ sign, accept, beside = [] }: NetworkKeys): MacKeys {
  const known = [sign, accept, ...beside].filter((key) => key instanceof Uint8Array)
  const different = known.filter((key, at) => known.findIndex((other) => isSameOctets(key, other)) === at)
  const keys = different.map((key): MacKey => ({ algorithm: 'blake2s128', key }))
  return { sign: keys, accept: sign === undefined || accept === 'anything' ? 'anything' : keys }
}

/** A prefix as Babel has it: bits beyond its length are zero. */
function withoutHostBits(cidr: string): string {
  const [address = '', length = ''] = cidr.split('/')
  const bits = bitsOfAddress(address)
  if (!bits.ok) return cidr
  return `${addressOfBits(bits.value.slice(0, Number(length)).padEnd(ADDRESS_BITS, '0'))}/${length}`
}

/** Whether no network routes to it: this machine, one link, groups, and what is reserved (babeld's list, and RFC 6890). */
function isMartian(prefix: string): boolean {
  const [address = '', text] = prefix.split('/')
  const length = Number(text)
  if (!address.includes(':')) {
    const first = Number.parseInt(address, 10)
    return ((first === 0 || first === 127) && length >= 8) || (first >= 224 && length >= 4)
  }
  if (address === '::' || address === '::1') return length === ADDRESS_BITS
  return (/^fe[89ab][^:]:/.test(address) && length >= 10) || (/^ff[^:]{2}:/.test(address) && length >= 8)
}
