import { ok, type Result } from '../../result.ts'
import { HEADER_OCTETS, TLV } from './numbers.ts'
import { bodyEndOf, eachTlv, uint32At } from './packet.ts'
import type { AuthenticationTlv } from './tlv.ts'

/** Longest index and nonce (RFC 8967, 6.2 and 6.3). */
const MAX_INDEX_OCTETS = 32
const MAX_NONCE_OCTETS = 192

/** What of a packet keeps it authentic (RFC 8967). */
export interface Authentication {
  /** What the MACs cover ends here. */
  readonly bodyEnd: number
  /** Of the trailer. RFC 8967, 6.1: those in the body are ignored. */
  readonly macs: readonly Uint8Array[]
  /** Of the body. */
  readonly tlvs: readonly AuthenticationTlv[]
}

/** The first pass over a packet (RFC 8967, 4.3): nothing of routes. What is returned are views of `bytes`. */
export function decodeAuthentication(bytes: Uint8Array): Result<Authentication> {
  const body = bodyEndOf(bytes)
  if (!body.ok) return body
  const macs: Uint8Array[] = []
  eachTlv(bytes, body.value, bytes.length, (type, at, end) => {
    if (type === TLV.mac) macs.push(bytes.subarray(at, end))
  })
  const tlvs: AuthenticationTlv[] = []
  eachTlv(bytes, HEADER_OCTETS, body.value, (type, at, end) => {
    const tlv = decodeTlv(type, bytes, at, end)
    if (tlv) tlvs.push(tlv)
  })
  return ok({ bodyEnd: body.value, macs, tlvs })
}

function decodeTlv(type: number, bytes: Uint8Array, at: number, end: number): AuthenticationTlv | undefined {
  switch (type) {
    case TLV.packetCounter:
      if (end - at < 4 || end - at > 4 + MAX_INDEX_OCTETS) return undefined
      return { kind: 'packet-counter', counter: uint32At(bytes, at), index: bytes.subarray(at + 4, end) }
    case TLV.challengeRequest:
      if (end - at > MAX_NONCE_OCTETS) return undefined
      return { kind: 'challenge-request', nonce: bytes.subarray(at, end) }
    case TLV.challengeReply:
      return { kind: 'challenge-reply', nonce: bytes.subarray(at, end) }
    default:
      return undefined
  }
}
