/**
 * Addresses between octets and text, as fast as whole routing tables need it: `values/bits.ts` goes by way of a text of
 * bits, at some microseconds each.
 */

/** Octets of an address, by its family. */
export type AddressOctets = 4 | 16

/** Text of the IPv4 address at `at`. */
export const ipv4Text = (bytes: Uint8Array, at: number): string =>
  `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`

/** Canonical text (RFC 5952) of the IPv6 address at `at`, with a dotted quad where the C library, and so babeld, has one. */
export function ipv6Text(bytes: Uint8Array, at: number): string {
  let bestStart = -1
  let bestLength = 1
  let start = -1
  for (let group = 0; group <= 8; group++) {
    if (group < 8 && groupAt(bytes, at, group) === 0) {
      if (start < 0) start = group
      continue
    }
    // RFC 5952, 4.2: the longest run of at least two zero groups, the first one among equals.
    if (start >= 0 && group - start > bestLength) {
      bestStart = start
      bestLength = group - start
    }
    start = -1
  }
  if (bestStart === 0 && bestLength === 6) return `::${ipv4Text(bytes, at + 12)}`
  if (bestStart === 0 && bestLength === 5 && groupAt(bytes, at, 5) === 0xffff)
    return `::ffff:${ipv4Text(bytes, at + 12)}`
  let text = ''
  for (let group = 0; group < 8; group++) {
    if (group === bestStart) {
      text += '::'
      group += bestLength - 1
      continue
    }
    if (group > 0 && group !== bestStart + bestLength) text += ':'
    text += groupAt(bytes, at, group).toString(16)
  }
  return text
}

const octet = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0
const groupAt = (bytes: Uint8Array, at: number, group: number): number =>
  (octet(bytes, at + 2 * group) << 8) | octet(bytes, at + 2 * group + 1)

/**
 * Writes the octets of an address into `into`, which has room for 16; what is not used of it becomes zero.
 * @returns how many octets it has; undefined if the text is no address
 */
export function writeAddress(text: string, into: Uint8Array): AddressOctets | undefined {
  into.fill(0)
  if (!text.includes(':')) return writeIpv4(text, 0, into, 0) ? 4 : undefined
  return writeIpv6(text, into) ? 16 : undefined
}

const COLON = 0x3a
const DOT = 0x2e

function writeIpv4(text: string, from: number, into: Uint8Array, at: number): boolean {
  let parts = 0
  let value = -1
  for (let each = from; each <= text.length; each++) {
    const code = each === text.length ? DOT : text.charCodeAt(each)
    if (code === DOT) {
      if (value < 0 || value > 255 || parts > 3) return false
      into[at + parts++] = value
      value = -1
    } else if (code >= 0x30 && code <= 0x39 && value <= 255) value = Math.max(value, 0) * 10 + code - 0x30
    else return false
  }
  return parts === 4
}

function writeIpv6(text: string, into: Uint8Array): boolean {
  /** Octets written, and how many of them before the "::". */
  let written = 0
  let beforeGap = -1
  let at = 0
  if (text.charCodeAt(0) === COLON && text.charCodeAt(1) !== COLON) return false
  while (at < text.length) {
    if (text.charCodeAt(at) === COLON && text.charCodeAt(at + 1) === COLON) {
      if (beforeGap >= 0) return false
      beforeGap = written
      at += 2
      continue
    }
    if (written > 0 && written !== beforeGap && text.charCodeAt(at) === COLON) at++
    let value = 0
    const start = at
    let code = text.charCodeAt(at)
    while (at < text.length && code !== COLON && code !== DOT) {
      const digit = digitOf(code)
      if (digit < 0 || at - start > 3) return false
      value = value * 16 + digit
      code = text.charCodeAt(++at)
    }
    if (code === DOT) {
      if (written > 12 || !writeIpv4(text, start, into, written)) return false
      written += 4
      break
    }
    if (at === start || written > 14) return false
    into[written++] = value >> 8
    into[written++] = value & 0xff
  }
  if (beforeGap < 0) return written === 16
  if (written > 14) return false
  into.copyWithin(16 - (written - beforeGap), beforeGap, written)
  into.fill(0, beforeGap, 16 - (written - beforeGap))
  return true
}

/** The value of a hexadecimal digit; negative if it is none. */
function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
