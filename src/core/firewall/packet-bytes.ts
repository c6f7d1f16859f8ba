import { BlockList, isIPv6 } from 'node:net'
import { BABEL_PORT } from '../babel/wire/numbers.ts'
import { bitsOfAddress, numberOfBits } from '../values/bits.ts'
import { ICMP, ICMPV6 } from './traffic.ts'

/** Transport protocols by their IANA numbers. */
const PROTOCOL_NUMBER = { icmp: 1, tcp: 6, udp: 17, 'ipv6-icmp': 58 } as const
const TTL = 64
/** What neighbour discovery must have (RFC 4861, 6.1 and 7.1), and what it is for multicast listeners (RFC 3810, 5). */
const [NEIGHBOURLY_HOPS, LISTENER_HOPS] = [255, 1]
/** Hop-by-hop options with a router alert, which messages about listeners have (RFC 2711, RFC 3810, 5). */
const ROUTER_ALERT = Buffer.from([PROTOCOL_NUMBER['ipv6-icmp'], 0, 5, 2, 0, 0, 1, 0])
const TCP_SYN = 0x02
const TCP_WINDOW = 64_240

const NEIGHBOURLY_TYPES: readonly number[] = [
  ICMPV6.routerSolicitation,
  ICMPV6.routerAdvertisement,
  ICMPV6.neighbourSolicitation,
  ICMPV6.neighbourAdvertisement,
]
const LISTENER_TYPES: readonly number[] = [ICMPV6.multicastQuery, ICMPV6.multicastReport]

/** A packet with everything that it needs to be sent. Addresses are of one family. */
export interface WholePacket {
  readonly protocol: keyof typeof PROTOCOL_NUMBER
  readonly saddr: string
  readonly daddr: string
  readonly sport: number
  readonly dport: number
  readonly icmpType: number
  /** By which it is known again: 16 bits. */
  readonly mark: number
}

/** An address in bytes; zeros for what is none. */
function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number))
  const bits = bitsOfAddress(address)
  return Buffer.from(
    numberOfBits(bits.ok ? bits.value : '')
      .toString(16)
      .padStart(32, '0'),
    'hex',
  )
}

/** An IPv4 or IPv6 packet in bytes, with checksums that are right. */
export function packetBytes(packet: WholePacket): Buffer {
  const [source, destination] = [addressBytes(packet.saddr), addressBytes(packet.daddr)]
  const isIpv6 = source.length === 16
  const number = PROTOCOL_NUMBER[packet.protocol]
  const transport = transportBytes(packet)
  const pseudoHeader = Buffer.from([0, 0, transport.length >> 8, transport.length & 0xff, 0, 0, 0, number])
  const covered = packet.protocol === 'icmp' ? [transport] : [source, destination, pseudoHeader, transport]
  transport.writeUInt16BE(checksum(Buffer.concat(covered)), CHECKSUM_AT[packet.protocol])
  return isIpv6 ? ipv6(packet, transport) : ipv4(packet, transport)
}

const CHECKSUM_AT = { icmp: 2, tcp: 16, udp: 6, 'ipv6-icmp': 2 } as const

/** With its checksum zero. */
function transportBytes({ protocol, sport, dport, icmpType, mark, daddr }: WholePacket): Buffer {
  switch (protocol) {
    case 'tcp': {
      const bytes = Buffer.alloc(20)
      bytes.writeUInt16BE(sport, 0)
      bytes.writeUInt16BE(dport, 2)
      bytes.writeUInt32BE(mark, 4)
      bytes[12] = (bytes.length / 4) << 4
      bytes[13] = TCP_SYN
      bytes.writeUInt16BE(TCP_WINDOW, 14)
      return bytes
    }
    case 'udp': {
      const payload = dport === BABEL_PORT ? BABEL_NOTHING : Buffer.alloc(8)
      const bytes = Buffer.concat([Buffer.alloc(8), payload])
      bytes.writeUInt16BE(sport, 0)
      bytes.writeUInt16BE(dport, 2)
      bytes.writeUInt16BE(bytes.length, 4)
      return bytes
    }
    case 'icmp':
    case 'ipv6-icmp': {
      // Neighbour solicitations and advertisements have a target there; in others, it is data.
      const bytes = Buffer.alloc(24)
      bytes[0] = icmpType
      if (icmpType === ICMPV6.echoRequest || icmpType === ICMP.echoRequest) bytes.writeUInt16BE(mark, 4)
      else if (isIPv6(daddr)) addressBytes(daddr).copy(bytes, 8)
      return bytes
    }
  }
}

/** A Babel packet that says nothing (RFC 8966, 4.2). */
const BABEL_NOTHING = Buffer.from([42, 2, 0, 0])

function ipv4({ protocol, saddr, daddr, mark }: WholePacket, transport: Buffer): Buffer {
  const header = Buffer.alloc(20)
  header[0] = 0x45
  header.writeUInt16BE(header.length + transport.length, 2)
  header.writeUInt16BE(mark, 4)
  header[8] = TTL
  header[9] = PROTOCOL_NUMBER[protocol]
  addressBytes(saddr).copy(header, 12)
  addressBytes(daddr).copy(header, 16)
  header.writeUInt16BE(checksum(header), 10)
  return Buffer.concat([header, transport])
}

function ipv6({ protocol, saddr, daddr, icmpType, mark }: WholePacket, transport: Buffer): Buffer {
  const isAboutListeners = protocol === 'ipv6-icmp' && LISTENER_TYPES.includes(icmpType)
  const isNeighbourly = protocol === 'ipv6-icmp' && NEIGHBOURLY_TYPES.includes(icmpType)
  const payload = isAboutListeners ? Buffer.concat([ROUTER_ALERT, transport]) : transport
  const header = Buffer.alloc(40)
  header.writeUInt32BE(0x6000_0000 + mark, 0)
  header.writeUInt16BE(payload.length, 4)
  header[6] = isAboutListeners ? 0 : PROTOCOL_NUMBER[protocol]
  header[7] = isNeighbourly ? NEIGHBOURLY_HOPS : isAboutListeners ? LISTENER_HOPS : TTL
  addressBytes(saddr).copy(header, 8)
  addressBytes(daddr).copy(header, 24)
  return Buffer.concat([header, payload])
}

/** The one's complement of the one's complement sum (RFC 1071). */
function checksum(bytes: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

const MULTICAST = new BlockList()
MULTICAST.addSubnet('224.0.0.0', 4, 'ipv4')
MULTICAST.addSubnet('ff00::', 8, 'ipv6')

/** The group address of Ethernet for a multicast address (RFC 1112, 6.4; RFC 2464, 7); undefined for others. */
export function groupAddress(address: string): Buffer | undefined {
  if (!MULTICAST.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')) return undefined
  const bytes = addressBytes(address)
  if (isIPv6(address)) return Buffer.concat([Buffer.from([0x33, 0x33]), bytes.subarray(12)])
  return Buffer.from([0x01, 0x00, 0x5e, (bytes[1] ?? 0) & 0x7f, bytes[2] ?? 0, bytes[3] ?? 0])
}
