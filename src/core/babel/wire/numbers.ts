/** Numbers of RFC 8966 (4.2 and 4.6), and of its extensions. */

/** First two octets of each packet: the magic value, and the version (RFC 8966, 4.2). */
export const MAGIC = 42
export const VERSION = 2
/** Octets before the body: magic, version, length of the body. */
export const HEADER_OCTETS = 4
/** Octets before the payload of a TLV: type and length. */
export const TLV_OCTETS = 2

/** The port of Babel. */
export const BABEL_PORT = 6696
/** The group that all Babel routers of a link listen to. */
export const BABEL_GROUP = 'ff02::1:6'

/** Types of TLVs: RFC 8966, 4.6; from MAC on RFC 8967, 6. */
export const TLV = {
  pad1: 0,
  padN: 1,
  acknowledgmentRequest: 2,
  acknowledgment: 3,
  hello: 4,
  ihu: 5,
  routerId: 6,
  nextHop: 7,
  update: 8,
  routeRequest: 9,
  seqnoRequest: 10,
  mac: 16,
  packetCounter: 17,
  challengeRequest: 18,
  challengeReply: 19,
} as const

/** Types of sub-TLVs: RFC 8966, 4.7; RFC 9616, 6; RFC 9079, 7.1. */
export const SUB_TLV = { pad1: 0, padN: 1, timestamp: 3, sourcePrefix: 128 } as const

/** Set in the type of a sub-TLV that whoever does not know it must not look past (RFC 8966, 4.4). */
export const MANDATORY = 0x80

/** Encodings of addresses: RFC 8966, 4.1.4; IPv4 by way of IPv6: RFC 9229, 4. */
export const AE = { wildcard: 0, ipv4: 1, ipv6: 2, linkLocal: 3, ipv4ViaIpv6: 4 } as const

/** Flag of a Hello (RFC 8966, 4.6.5). */
export const UNICAST_FLAG = 0x8000
/** Flags of an Update (RFC 8966, 4.6.9). */
export const PREFIX_FLAG = 0x80
export const ROUTER_ID_FLAG = 0x40
