import { ok, type Result, refuse } from '../../result.ts'
import { HEADER_OCTETS, MAGIC, MANDATORY, SUB_TLV, TLV, TLV_OCTETS, VERSION } from './numbers.ts'

/** A number of 16 bits, most significant octet first (RFC 8966, 4.1.1). */
export const uint16At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)

/** A number of 32 bits, most significant octet first. */
export const uint32At = (bytes: Uint8Array, at: number): number =>
  uint16At(bytes, at) * 0x10000 + uint16At(bytes, at + 2)

/**
 * Where the body of a packet ends and its trailer begins (RFC 8966, 4.2). A packet that is shorter than it says was cut:
 * nothing of it is used.
 */
export function bodyEndOf(bytes: Uint8Array): Result<number> {
  if (bytes.length < HEADER_OCTETS) return refuse('shorter than the header of a Babel packet')
  if (bytes[0] !== MAGIC) return refuse('not a Babel packet')
  if (bytes[1] !== VERSION) return refuse(`a version of Babel that is not ${VERSION}`)
  const end = HEADER_OCTETS + uint16At(bytes, 2)
  return end > bytes.length ? refuse('a Babel packet that was cut short') : ok(end)
}

/**
 * Calls `visit` for each TLV between `from` and `to` that is no padding, with where its payload begins and ends. One that
 * reaches beyond `to` ends it: nobody knows where the next would begin. What came before stays.
 */
export function eachTlv(
  bytes: Uint8Array,
  from: number,
  to: number,
  visit: (type: number, at: number, end: number) => void,
): void {
  let at = from
  while (at < to) {
    const type = bytes[at] ?? 0
    if (type === TLV.pad1) {
      at++
      continue
    }
    const start = at + TLV_OCTETS
    const end = start + (bytes[at + 1] ?? 0)
    if (start > to || end > to) return
    if (type !== TLV.padN) visit(type, start, end)
    at = end
  }
}

/** Where the payload of a sub-TLV is. */
interface Payload {
  readonly at: number
  readonly end: number
}

/** The sub-TLVs of a TLV that are known to this program. */
export interface SubTlvs {
  readonly timestamp?: Payload
  readonly sourcePrefix?: Payload
}

const NONE: SubTlvs = {}

/**
 * Sub-TLVs between `at`, where the body of a TLV ends by itself, and its end (RFC 8966, 4.4).
 * @returns undefined if the TLV is to be ignored: one is mandatory and unknown, or of RFC 9079 (7) and doubled, or the list
 *   does not fit the TLV, so that nobody knows what it would say
 */
export function subTlvsOf(bytes: Uint8Array, at: number, end: number): SubTlvs | undefined {
  if (at === end) return NONE
  let timestamp: Payload | undefined
  let sourcePrefix: Payload | undefined
  while (at < end) {
    const type = bytes[at] ?? 0
    if (type === SUB_TLV.pad1) {
      at++
      continue
    }
    const start = at + TLV_OCTETS
    const next = start + (bytes[at + 1] ?? 0)
    if (start > end || next > end) return undefined
    if (type === SUB_TLV.timestamp) timestamp ??= { at: start, end: next }
    else if (type === SUB_TLV.sourcePrefix) {
      if (sourcePrefix) return undefined
      sourcePrefix = { at: start, end: next }
    } else if ((type & MANDATORY) !== 0) return undefined
    at = next
  }
  return { ...(timestamp && { timestamp }), ...(sourcePrefix && { sourcePrefix }) }
}
