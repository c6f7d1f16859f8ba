import { isIPv6 } from 'node:net'
import { ok, type Result, refuse } from '../result.ts'

/** Number of bits of an IPv6 address. */
export const ADDRESS_BITS = 128

/** True for text that consists of `0` and `1` only (also for the empty text). */
export const isBits = (text: string): boolean => /^[01]*$/.test(text)

/** The bits of a non-negative number, with leading zeros up to `length`. */
export const bitsOfNumber = (value: bigint, length: number): string =>
  length === 0 && value === 0n ? '' : value.toString(2).padStart(length, '0')

/** The number that a bit string stands for; the empty one is 0. */
export const numberOfBits = (bits: string): bigint => (bits === '' ? 0n : BigInt(`0b${bits}`))

/** The canonical text (RFC 5952) of an IPv6 address given as 128 bits. */
export function addressOfBits(bits: string): string {
  const groups: number[] = []
  for (let at = 0; at < ADDRESS_BITS; at += 16) groups.push(Number.parseInt(bits.slice(at, at + 16), 2))
  // RFC 5952, 4.2: the longest run of at least two zero groups, the first one among equals, becomes "::".
  let best = { start: -1, length: 1 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  // As the C library writes them: IPv4-mapped and IPv4-compatible addresses end in a dotted quad.
  if (best.start === 0 && (best.length === 6 || (best.length === 5 && groups[5] === 0xffff))) {
    const quad = groups.slice(6).flatMap((group) => [group >> 8, group & 0xff])
    return `::${best.length === 5 ? 'ffff:' : ''}${quad.join('.')}`
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  if (best.start < 0) return text(groups)
  return `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`
}

/** The 128 bits of an IPv6 address in any textual form, without a zone. */
export function bitsOfAddress(address: string): Result<string> {
  if (!isIPv6(address) || address.includes('%'))
    return refuse(`not an IPv6 address: ${JSON.stringify(address)}`)
  // A dotted quad at the end stands for the last two groups (RFC 4291, 2.2).
  const text = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((group) => group.toString(16)).join(':'),
  )
  const [head = '', tail] = text.split('::')
  const groupsOf = (part: string) => (part === '' ? [] : part.split(':'))
  const bitsOfGroup = (group: string) => Number.parseInt(group, 16).toString(2).padStart(16, '0')
  const before = groupsOf(head)
  const after = tail === undefined ? [] : groupsOf(tail)
  const zeros = Array<string>(8 - before.length - after.length).fill('0')
  return ok([...before, ...zeros, ...after].map(bitsOfGroup).join(''))
}
