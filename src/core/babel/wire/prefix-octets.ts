import { AE } from './numbers.ts'

/** Bits of an address in this encoding; undefined: unknown, or none. */
export function bitsOfEncoding(encoding: number): 32 | 128 | undefined {
  switch (encoding) {
    case AE.ipv4:
    case AE.ipv4ViaIpv6:
      return 32
    case AE.ipv6:
    case AE.linkLocal:
      return 128
    default:
      return undefined
  }
}

/** Octets that hold the significant bits of a prefix (RFC 8966, 4.1.5). */
export const octetsOfLength = (length: number): number => (length + 7) >> 3

/** What is implied by the encoding of link-local addresses: fe80::/64 (RFC 8966, 4.1.4). */
export const LINK_LOCAL = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0)

/** Clears what is beyond `length` bits. */
export function clearBeyond(octets: Uint8Array, length: number): void {
  const whole = length >> 3
  const rest = length & 7
  if (rest !== 0) octets[whole] = (octets[whole] ?? 0) & (0xff << (8 - rest))
  // Of so few, one after the other is quicker than `fill`.
  for (let each = rest === 0 ? whole : whole + 1; each < octets.length; each++) octets[each] = 0
}

/**
 * Reads a prefix (RFC 8966, 4.6.9) into `into`, which has room for 16 octets; what is not used of it becomes zero.
 * @param omitted how many octets to take from `defaults`, the prefix of an earlier Update
 * @returns how many octets of the packet it takes; negative if it cannot be read: the encoding is unknown, too little is
 *   there, or nothing to take from
 */
export function readPrefix(
  bytes: Uint8Array,
  at: number,
  end: number,
  { encoding, length, omitted, defaults }: PrefixForm,
  into: Uint8Array,
): number {
  const bits = bitsOfEncoding(encoding)
  if (bits === undefined || length > bits || omitted * 8 > bits) return -1
  if (omitted > 0 && (encoding === AE.linkLocal || !defaults)) return -1
  const isLinkLocal = encoding === AE.linkLocal
  const given = isLinkLocal ? LINK_LOCAL : defaults
  const known = isLinkLocal ? LINK_LOCAL.length : omitted
  const taken = Math.max(0, octetsOfLength(length) - known)
  if (at + taken > end) return -1
  for (let each = 0; each < known; each++) into[each] = given?.[each] ?? 0
  for (let each = 0; each < taken; each++) into[known + each] = bytes[at + each] ?? 0
  clearBeyond(into, length)
  return taken
}

/** How a prefix is written. */
export interface PrefixForm {
  readonly encoding: number
  readonly length: number
  readonly omitted: number
  readonly defaults: Uint8Array | undefined
}
