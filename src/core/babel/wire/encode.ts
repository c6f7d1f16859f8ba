import { isAnySource } from '../../routes/any-source.ts'
import {
  addressOctets,
  encodingOf,
  prefixOctets,
  routerIdOctets,
  sourcePrefixSize,
} from './address-octets.ts'
import { AE, SUB_TLV, TLV, TLV_OCTETS, UNICAST_FLAG } from './numbers.ts'
import { PacketWriter, timestampsSize } from './packet-writer.ts'
import type { ChallengeReply, ChallengeRequest, Destination, OutgoingTlv, Update } from './tlv.ts'
import { UpdateCompression, type UpdatePlan } from './update-compression.ts'

/** What can be put into a packet. The packet counter and the MACs come last of all: `mac/`. */
export type EncodableTlv = OutgoingTlv | ChallengeRequest | ChallengeReply

/** How packets are made. */
export interface PacketForm {
  /**
   * Of a packet with its header: the MTU less 48 octets of IPv6 and UDP (RFC 8966, 4), less what authentication adds (RFC
   * 8967, 4.2).
   */
  readonly maxBytes: number
  /** Source address of the packets: the next hop of what names none (RFC 8966, 4.6.8). */
  readonly sender: string
  /** The clock of stamped Hellos, asked as each is written: microseconds, of which the lower 32 bits are sent (RFC 9616, 3.2). */
  nowUs(): number
}

/**
 * Puts TLVs, in their order, into as few packets as hold them. A Hello stays with an IHU that follows it: only together they
 * yield a round-trip time (RFC 9616, 3.2). Order updates by router-id, then prefix: what repeats is left out.
 * @throws RangeError if an address of ours is none, or one TLV fills more than a packet
 */
export function encodePackets(tlvs: readonly EncodableTlv[], form: PacketForm): readonly Uint8Array[] {
  const writer = new PacketWriter(form.maxBytes)
  const packets: Uint8Array[] = []
  let compression = new UpdateCompression(form.sender)
  const begin = () => {
    if (!writer.isEmpty) packets.push(writer.finish())
    compression = new UpdateCompression(form.sender)
  }
  tlvs.forEach((tlv, index) => {
    if (tlv.kind === 'update') {
      let plan = compression.plan(tlv)
      if (!writer.hasRoomFor(plan.size)) {
        begin()
        plan = compression.plan(tlv)
      }
      requireRoom(writer, plan.size)
      writeUpdate(writer, tlv, plan)
      compression.wrote(tlv, plan)
      return
    }
    const size = sizeOf(tlv)
    const next = tlv.kind === 'hello' ? tlvs[index + 1] : undefined
    if (!writer.hasRoomFor(size + (next?.kind === 'ihu' ? sizeOf(next) : 0))) begin()
    requireRoom(writer, size)
    writeTlv(writer, tlv, form)
  })
  begin()
  return packets
}

function requireRoom(writer: PacketWriter, size: number): void {
  if (!writer.hasRoomFor(size)) throw new RangeError(`no packet has room for a TLV of ${size} octets`)
}

/** Octets that a TLV takes with its type and length. */
function sizeOf(tlv: Exclude<EncodableTlv, Update>): number {
  switch (tlv.kind) {
    case 'acknowledgment-request':
      return TLV_OCTETS + 6
    case 'acknowledgment':
      return TLV_OCTETS + 2
    case 'hello':
      return TLV_OCTETS + 6 + (tlv.stamped ? timestampsSize(1) : 0)
    case 'ihu':
      return TLV_OCTETS + 6 + addressOctets(tlv.address).length + (tlv.echo ? timestampsSize(2) : 0)
    case 'wildcard-retraction':
      return TLV_OCTETS + 10
    case 'wildcard-request':
      return TLV_OCTETS + 2
    case 'route-request':
      return TLV_OCTETS + 2 + destinationSize(tlv)
    case 'seqno-request':
      return TLV_OCTETS + 14 + destinationSize(tlv)
    case 'challenge-request':
    case 'challenge-reply':
      return TLV_OCTETS + tlv.nonce.length
  }
}

const destinationSize = ({ prefix, from }: Destination): number =>
  prefixOctets(prefix).used + sourcePrefixSize(from)

function writeTlv(writer: PacketWriter, tlv: Exclude<EncodableTlv, Update>, form: PacketForm): void {
  const payload = sizeOf(tlv) - TLV_OCTETS
  switch (tlv.kind) {
    case 'acknowledgment-request':
      writer.tlv(TLV.acknowledgmentRequest, payload).uint16(0).uint16(tlv.opaque)
      writer.uint16(centiseconds(tlv.intervalMs))
      return
    case 'acknowledgment':
      writer.tlv(TLV.acknowledgment, payload).uint16(tlv.opaque)
      return
    case 'hello':
      writer.tlv(TLV.hello, payload).uint16(tlv.unicast ? UNICAST_FLAG : 0)
      // RFC 8966, 4.6.5: 0 says that nothing is promised.
      writer.uint16(tlv.seqno).uint16(tlv.intervalMs === 0 ? 0 : centiseconds(tlv.intervalMs))
      if (tlv.stamped) writer.timestamps(form.nowUs() % 2 ** 32)
      return
    case 'ihu': {
      const address = addressOctets(tlv.address)
      writer.tlv(TLV.ihu, payload).uint8(encodingOf(address)).uint8(0).uint16(tlv.rxcost)
      writer.uint16(centiseconds(tlv.intervalMs)).octets(address)
      if (tlv.echo) writer.timestamps(tlv.echo.originUs, tlv.echo.receiveUs)
      return
    }
    case 'wildcard-retraction':
      // RFC 8966, 4.6.9: no prefix, an infinite metric.
      writer.tlv(TLV.update, payload).uint32(0).uint16(1).uint16(0).uint16(0xffff)
      return
    case 'wildcard-request':
      writer.tlv(TLV.routeRequest, payload).uint8(AE.wildcard).uint8(0)
      return
    case 'route-request':
      writer.tlv(TLV.routeRequest, payload)
      writeDestinationHead(writer, tlv)
      writeDestination(writer, tlv)
      return
    case 'seqno-request':
      writer.tlv(TLV.seqnoRequest, payload)
      writeDestinationHead(writer, tlv)
      writer.uint16(tlv.seqno).uint8(tlv.hopCount).uint8(0).octets(routerIdOctets(tlv.routerId))
      writeDestination(writer, tlv)
      return
    case 'challenge-request':
    case 'challenge-reply':
      writer
        .tlv(tlv.kind === 'challenge-request' ? TLV.challengeRequest : TLV.challengeReply, payload)
        .octets(tlv.nonce)
  }
}

/** RFC 9229, 2.3: requests say IPv4, not by which way. */
function writeDestinationHead(writer: PacketWriter, { prefix }: Destination): void {
  const { family, length } = prefixOctets(prefix)
  writer.uint8(family === 'ipv4' ? AE.ipv4 : AE.ipv6).uint8(length)
}

function writeDestination(writer: PacketWriter, { prefix, from }: Destination): void {
  const { octets, used } = prefixOctets(prefix)
  writer.octets(octets, 0, used)
  writeSource(writer, from)
}

/** RFC 9079, 7.1 */
function writeSource(writer: PacketWriter, from: string): void {
  if (isAnySource(from)) return
  const { octets, length, used } = prefixOctets(from)
  writer
    .tlv(SUB_TLV.sourcePrefix, 1 + used)
    .uint8(length)
    .octets(octets, 0, used)
}

/** RFC 8966, 4.6.9, with what it refers to. */
function writeUpdate(writer: PacketWriter, tlv: Update, plan: UpdatePlan): void {
  if (plan.routerId) writer.tlv(TLV.routerId, 10).uint16(0).octets(plan.routerId)
  if (plan.nextHop) {
    writer.tlv(TLV.nextHop, 2 + plan.nextHop.length)
    writer.uint8(encodingOf(plan.nextHop)).uint8(0).octets(plan.nextHop)
  }
  const { octets, length, used } = plan.prefix
  writer
    .tlv(TLV.update, 10 + used - plan.omitted + sourcePrefixSize(tlv.from))
    .uint8(plan.encoding)
    .uint8(plan.flags)
    .uint8(length)
    .uint8(plan.omitted)
    .uint16(Math.min(centiseconds(tlv.intervalMs), LONGEST_UPDATE_INTERVAL))
    .uint16(tlv.seqno)
    .uint16(tlv.metric)
    .octets(octets, plan.omitted, used)
  writeSource(writer, tlv.from)
}

/** The next value means "never again" (RFC 8966, 4.6.9). */
const LONGEST_UPDATE_INTERVAL = 0xfffe

/** RFC 8966, 4.1.2. Intervals are upper bounds, and 0 must not be. */
const centiseconds = (ms: number): number => Math.min(Math.max(Math.ceil(ms / 10), 1), 0xffff)
