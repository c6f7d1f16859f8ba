import { ok, type Result } from '../../result.ts'
import { ANY_IPV4, ANY_IPV6 } from '../../routes/any-source.ts'
import { INFINITY } from '../metric.ts'
import { ipv4PrefixText, ipv6PrefixText } from './known-texts.ts'
import { AE, HEADER_OCTETS, PREFIX_FLAG, ROUTER_ID_FLAG, TLV, UNICAST_FLAG } from './numbers.ts'
import { bodyEndOf, eachTlv, type SubTlvs, subTlvsOf, uint16At, uint32At } from './packet.ts'
import { ParserState, readAddress, readRouterId } from './parser-state.ts'
import { bitsOfEncoding, octetsOfLength, readPrefix } from './prefix-octets.ts'
import type {
  Acknowledgment,
  AcknowledgmentRequest,
  Hello,
  Ihu,
  RouteRequest,
  SeqnoRequest,
  Tlv,
  Update,
  WildcardRequest,
  WildcardRetraction,
} from './tlv.ts'

/**
 * Decodes a packet of Babel (RFC 8966, 4) for the machine of routes. Refused is what is no packet. Inside one, a TLV that is
 * unknown, broken or not allowed is left out and the others stay: its length says where the next one begins. What keeps
 * packets authentic is in `authentication.ts`.
 * @param sender source address of the packet, without a zone
 */
export function decodePacket(
  bytes: Uint8Array,
  { sender }: { readonly sender: string },
): Result<readonly Tlv[]> {
  const body = bodyEndOf(bytes)
  if (!body.ok) return body
  const state = new ParserState(sender)
  const tlvs: Tlv[] = []
  eachTlv(bytes, HEADER_OCTETS, body.value, (type, at, end) => {
    const tlv = decodeTlv(type, bytes, at, end, state)
    if (tlv) tlvs.push(tlv)
  })
  return ok(tlvs)
}

function decodeTlv(
  type: number,
  bytes: Uint8Array,
  at: number,
  end: number,
  state: ParserState,
): Tlv | undefined {
  switch (type) {
    case TLV.acknowledgmentRequest:
      return acknowledgmentRequest(bytes, at, end)
    case TLV.acknowledgment:
      return acknowledgment(bytes, at, end)
    case TLV.hello:
      return hello(bytes, at, end)
    case TLV.ihu:
      return ihu(bytes, at, end)
    case TLV.routerId:
      if (at + 10 > end) state.routerId = undefined
      else state.setRouterId(bytes, at + 2)
      return undefined
    case TLV.nextHop:
      if (at + 2 <= end) state.setNextHop(bytes, at + 2, end, bytes[at] ?? 0)
      return undefined
    case TLV.update:
      return update(bytes, at, end, state)
    case TLV.routeRequest:
      return routeRequest(bytes, at, end)
    case TLV.seqnoRequest:
      return seqnoRequest(bytes, at, end)
    default:
      return undefined
  }
}

/** RFC 8966, 4.1.2: hundredths of a second. */
const intervalAt = (bytes: Uint8Array, at: number): number => uint16At(bytes, at) * 10

/** Of a TLV without a prefix: there, a source prefix is a mandatory sub-TLV that nobody knows. */
function plainSubTlvs(bytes: Uint8Array, at: number, end: number): SubTlvs | undefined {
  const subTlvs = subTlvsOf(bytes, at, end)
  return subTlvs?.sourcePrefix ? undefined : subTlvs
}

/** RFC 8966, 4.6.3. An interval of 0, which must not be, cannot be kept. */
function acknowledgmentRequest(
  bytes: Uint8Array,
  at: number,
  end: number,
): AcknowledgmentRequest | undefined {
  if (at + 6 > end || !plainSubTlvs(bytes, at + 6, end)) return undefined
  const intervalMs = intervalAt(bytes, at + 4)
  if (intervalMs === 0) return undefined
  return { kind: 'acknowledgment-request', opaque: uint16At(bytes, at + 2), intervalMs }
}

/** RFC 8966, 4.6.4 */
function acknowledgment(bytes: Uint8Array, at: number, end: number): Acknowledgment | undefined {
  if (at + 2 > end || !plainSubTlvs(bytes, at + 2, end)) return undefined
  return { kind: 'acknowledgment', opaque: uint16At(bytes, at) }
}

/** RFC 8966, 4.6.5. A time that is too short is left out alone (RFC 9616, 6.1). */
function hello(bytes: Uint8Array, at: number, end: number): Hello | undefined {
  if (at + 6 > end) return undefined
  const subTlvs = plainSubTlvs(bytes, at + 6, end)
  if (!subTlvs) return undefined
  const sent = subTlvs.timestamp
  return {
    kind: 'hello',
    unicast: (uint16At(bytes, at) & UNICAST_FLAG) !== 0,
    seqno: uint16At(bytes, at + 2),
    intervalMs: intervalAt(bytes, at + 4),
    ...(sent && sent.end - sent.at >= 4 && { sentUs: uint32At(bytes, sent.at) }),
  }
}

/** RFC 8966, 4.6.6, with the times of RFC 9616, 6.2. */
function ihu(bytes: Uint8Array, at: number, end: number): Ihu | undefined {
  if (at + 6 > end) return undefined
  const encoding = bytes[at] ?? 0
  const address = encoding === AE.wildcard ? undefined : readAddress(bytes, at + 6, end, encoding)
  if (encoding !== AE.wildcard && !address) return undefined
  const subTlvs = plainSubTlvs(bytes, at + 6 + (address?.octets ?? 0), end)
  const intervalMs = intervalAt(bytes, at + 4)
  // An interval of 0 must not be: it would be forgotten at once.
  if (!subTlvs || intervalMs === 0) return undefined
  const times = subTlvs.timestamp
  return {
    kind: 'ihu',
    rxcost: uint16At(bytes, at + 2),
    intervalMs,
    address: address?.text,
    ...(times &&
      times.end - times.at >= 8 && {
        echo: { originUs: uint32At(bytes, times.at), receiveUs: uint32At(bytes, times.at + 4) },
      }),
  }
}

/** Room for the prefix that is being read, and for one of sources. */
const prefixRoom = new Uint8Array(16)
const sourceRoom = new Uint8Array(16)
/** The router-id that an IPv4 prefix stands for: four zero octets before it. */
const routerIdRoom = new Uint8Array(8)

/** RFC 8966, 4.6.9 */
function update(
  bytes: Uint8Array,
  at: number,
  end: number,
  state: ParserState,
): Update | WildcardRetraction | undefined {
  if (at + 10 > end) return undefined
  const encoding = bytes[at] ?? 0
  const flags = bytes[at + 1] ?? 0
  const length = bytes[at + 2] ?? 0
  const omitted = bytes[at + 3] ?? 0
  const metric = uint16At(bytes, at + 8)
  if (encoding === AE.wildcard) return wildcardRetraction(metric, length, omitted, bytes, at + 10, end)

  const defaults = omitted > 0 ? state.defaultPrefix(encoding) : undefined
  const taken = readPrefix(bytes, at + 10, end, { encoding, length, omitted, defaults }, prefixRoom)
  // The state first, whatever becomes of this TLV (RFC 8966, 4.5).
  if ((flags & PREFIX_FLAG) !== 0) state.setDefaultPrefix(encoding, taken < 0 ? undefined : prefixRoom)
  if ((flags & ROUTER_ID_FLAG) !== 0) setRouterIdOfPrefix(state, encoding, taken)
  if (taken < 0) return undefined

  const from = sourceOf(bytes, at + 10 + taken, end, encoding)
  const intervalMs = intervalAt(bytes, at + 4)
  const isRetraction = metric === INFINITY
  // An interval of 0 must not be: the route would be gone at once. Of a retraction it says nothing.
  if (from === undefined || (intervalMs === 0 && !isRetraction)) return undefined
  // RFC 9229, 2.2: the next hop of IPv4 by way of IPv6 is the one of IPv6.
  const nextHop = encoding === AE.ipv4 ? state.nextHopIpv4 : state.nextHopIpv6
  if (!isRetraction && (nextHop === undefined || state.routerId === undefined)) return undefined
  return {
    kind: 'update',
    prefix: prefixText(prefixRoom, encoding, length),
    from,
    routerId: state.routerId,
    seqno: uint16At(bytes, at + 6),
    metric,
    intervalMs,
    nextHop,
  }
}

/** An Update without a prefix retracts all, if it is well-formed; RFC 9079, 7.2: and has no source prefix. */
function wildcardRetraction(
  metric: number,
  length: number,
  omitted: number,
  bytes: Uint8Array,
  at: number,
  end: number,
): WildcardRetraction | undefined {
  if (metric !== INFINITY || length !== 0 || omitted !== 0 || !plainSubTlvs(bytes, at, end)) return undefined
  return { kind: 'wildcard-retraction' }
}

/** The Router-Id flag (RFC 8966, 4.6.9): the router-id is the end of the address that the prefix begins with. */
function setRouterIdOfPrefix(state: ParserState, encoding: number, taken: number): void {
  if (taken < 0) state.routerId = undefined
  else if (bitsOfEncoding(encoding) === 128) state.setRouterId(prefixRoom, 8)
  else {
    routerIdRoom.fill(0)
    routerIdRoom.set(prefixRoom.subarray(0, 4), 4)
    state.setRouterId(routerIdRoom, 0)
  }
}

/** RFC 8966, 4.6.10 */
function routeRequest(
  bytes: Uint8Array,
  at: number,
  end: number,
): RouteRequest | WildcardRequest | undefined {
  if (at + 2 > end) return undefined
  const encoding = bytes[at] ?? 0
  const length = bytes[at + 1] ?? 0
  if (encoding === AE.wildcard)
    // RFC 9079, 7.3: no source prefix.
    return length === 0 && plainSubTlvs(bytes, at + 2, end) ? { kind: 'wildcard-request' } : undefined
  const destination = destinationAt(bytes, at + 2, end, encoding, length)
  return destination && { kind: 'route-request', ...destination }
}

/** RFC 8966, 4.6.11 */
function seqnoRequest(bytes: Uint8Array, at: number, end: number): SeqnoRequest | undefined {
  if (at + 14 > end) return undefined
  const hopCount = bytes[at + 4] ?? 0
  const routerId = readRouterId(bytes, at + 6)
  if (hopCount === 0 || routerId === undefined) return undefined
  const destination = destinationAt(bytes, at + 14, end, bytes[at] ?? 0, bytes[at + 1] ?? 0)
  if (!destination) return undefined
  return { kind: 'seqno-request', ...destination, seqno: uint16At(bytes, at + 2), hopCount, routerId }
}

/** What a request is about. */
function destinationAt(bytes: Uint8Array, at: number, end: number, encoding: number, length: number) {
  const form = { encoding, length, omitted: 0, defaults: undefined }
  const taken = readPrefix(bytes, at, end, form, prefixRoom)
  if (taken < 0) return undefined
  const from = sourceOf(bytes, at + taken, end, encoding)
  return from === undefined ? undefined : { prefix: prefixText(prefixRoom, encoding, length), from }
}

/**
 * The source prefix among the sub-TLVs (RFC 9079, 7.1), in the encoding of the TLV.
 * @returns undefined if the TLV is to be ignored
 */
function sourceOf(bytes: Uint8Array, at: number, end: number, encoding: number): string | undefined {
  const subTlvs = subTlvsOf(bytes, at, end)
  if (!subTlvs) return undefined
  const source = subTlvs.sourcePrefix
  if (!source) return bitsOfEncoding(encoding) === 32 ? ANY_IPV4 : ANY_IPV6
  const length = source.at < source.end ? (bytes[source.at] ?? 0) : 0
  if (length === 0 || source.at + 1 + octetsOfLength(length) > source.end) return undefined
  // Not compressed (RFC 9079, 7.2), and not of a link: that would be no source of what is routed.
  const plain = encoding === AE.linkLocal ? AE.ipv6 : encoding
  const form = { encoding: plain, length, omitted: 0, defaults: undefined }
  if (readPrefix(bytes, source.at + 1, source.end, form, sourceRoom) < 0) return undefined
  return prefixText(sourceRoom, plain, length)
}

const prefixText = (octets: Uint8Array, encoding: number, length: number): string =>
  bitsOfEncoding(encoding) === 32 ? ipv4PrefixText(octets, 0, length) : ipv6PrefixText(octets, 0, length)
