import type { Packet } from './permission.ts'
import { ANY_TUNNEL } from './surroundings.ts'

/** All link-local addresses. */
export const LINK_LOCAL = 'fe80::/10'
/** Some port that a system chose for a connection of its own. */
export const EPHEMERAL_PORT = 49_321

/** Port of a registry beside the node. */
const HTTP_PORT = 80
/** Port of the resolvers of names. */
export const DNS_PORT = 53

/** ICMPv6 types (RFC 4443, 2710, 3810, 4861). */
export const ICMPV6 = {
  packetTooBig: 2,
  echoRequest: 128,
  echoReply: 129,
  multicastQuery: 130,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
  multicastReport: 143,
} as const

/** ICMP types (RFC 792). */
export const ICMP = { echoReply: 0, destinationUnreachable: 3, echoRequest: 8 } as const

/** Neighbour discovery and the like, between two addresses of one link. */
export const onLink = (types: readonly number[], way: Partial<Packet>): readonly Partial<Packet>[] =>
  types.map((icmpType) => ({ ...way, icmpType }))

/** What programs of this machine say to each other, and the kernel to them. */
export const toItself = (way: Partial<Packet>): readonly Partial<Packet>[] => {
  const over6 = { ...way, saddr: '::1', daddr: '::1' }
  const over4 = { ...way, family: 'ipv4', saddr: '127.0.0.1', daddr: '127.0.0.1' } as const
  return [over6, over4].flatMap((one) => [
    { ...one, protocol: 'udp' as const, dport: DNS_PORT },
    { ...one, dport: HTTP_PORT },
  ])
}

/** Names an interface in a sentence. */
export const placeOf = (iface: string): string =>
  iface === ANY_TUNNEL ? 'the tunnels' : `the LAN at ${iface}`
