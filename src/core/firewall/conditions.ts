import { isIPv4 } from 'node:net'
import { bitsOfAddress } from '../values/bits.ts'
import { familyOf, type Packet, STRANGER } from './permission.ts'
import { anyOf, type Condition, type Truth } from './ruleset.ts'

/** Addresses from one to another, both included. */
export interface AddressRange {
  readonly family: Packet['family']
  readonly first: bigint
  readonly last: bigint
}

/** Numbers from one to another, both included. */
export interface NumberRange {
  readonly first: number
  readonly last: number
}

const BITS = { ipv4: 32, ipv6: 128 } as const

/** A rule means hosts in general when it names more than a sixteenth of all addresses. */
const GENERAL_FRACTION_BITS = 4n

/** Something that is not understood. */
export const unknownCondition: Condition = () => undefined

/** The IP version. */
export const hasFamily =
  (family: Packet['family']): Condition =>
  (packet) =>
    packet.family === family

/** One of these protocols. */
export const hasProtocol =
  (names: readonly string[]): Condition =>
  ({ protocol }) =>
    names.includes(protocol) || (protocol === 'ipv6-icmp' && names.includes('icmpv6'))

/** Interface by which a packet comes or goes, by name; `*` at the end stands for anything. */
export const hasInterface =
  (side: 'iif' | 'oif', patterns: readonly string[]): Condition =>
  (packet) =>
    anyOf(patterns.map((pattern) => isInterface(packet[side], pattern)))

function isInterface(name: string | undefined, pattern: string): Truth {
  const begin = pattern.endsWith('*') ? pattern.slice(0, -1) : undefined
  if (begin === '') return true
  if (name !== undefined) return begin === undefined ? name === pattern : name.startsWith(begin)
  // The way to the Internet is not known now; it is none of ours.
  return pattern === 'lo' || pattern.startsWith('re6stnet') ? false : undefined
}

/** Source or destination in one of these ranges, of which there may be very many. */
export const hasAddress =
  (side: 'saddr' | 'daddr', ranges: readonly AddressRange[]): Condition =>
  (packet) => {
    const address = packet[side]
    const number = address === undefined || address === STRANGER ? address : numberOfAddress(address)
    let isUnknown = false
    for (const range of ranges) {
      const isIn = range.family === packet.family && isInRange(number, range)
      if (isIn) return true
      isUnknown ||= isIn === undefined
    }
    return isUnknown ? undefined : false
  }

function isInRange(
  address: bigint | typeof STRANGER | undefined,
  { first, last, family }: AddressRange,
): Truth {
  if (typeof address === 'bigint') return address >= first && address <= last
  const all = 1n << BigInt(BITS[family])
  const size = last - first + 1n
  if (size >= all) return true
  return address === undefined ? undefined : size > all >> GENERAL_FRACTION_BITS
}

/** The addresses that begin with the first bits of an address; undefined: not an address. */
export function prefixRange(address: string, length: number): AddressRange | undefined {
  const number = numberOfAddress(address)
  if (number === undefined) return undefined
  const family = familyOf(address)
  if (!Number.isInteger(length) || length < 0 || length > BITS[family]) return undefined
  const rest = (1n << BigInt(BITS[family] - length)) - 1n
  const first = number & ~rest
  return { family, first, last: first | rest }
}

/** The addresses between two; undefined: they are not two of one IP version. */
export function addressRange(from: string, to: string): AddressRange | undefined {
  const [first, last] = [numberOfAddress(from), numberOfAddress(to)]
  if (first === undefined || last === undefined || familyOf(from) !== familyOf(to)) return undefined
  return { family: familyOf(from), first, last }
}

function numberOfAddress(address: string): bigint | undefined {
  if (isIPv4(address)) return address.split('.').reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
  const bits = bitsOfAddress(address)
  return bits.ok ? BigInt(`0b${bits.value}`) : undefined
}

/** A port in one of these ranges, or the type of an ICMP message. */
export const hasNumber =
  (field: 'sport' | 'dport' | 'icmpType', ranges: readonly NumberRange[]): Condition =>
  (packet) => {
    const number = packet[field]
    if (number === undefined) return field === 'icmpType' ? false : undefined
    return ranges.some(({ first, last }) => number >= first && number <= last)
  }

/** What connection tracking says of it. */
export const hasState =
  (states: readonly string[]): Condition =>
  ({ state }) =>
    states.includes(state)
