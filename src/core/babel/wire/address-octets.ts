import { isAnySource } from '../../routes/any-source.ts'
import { writeAddress } from './address-text.ts'
import { AE, TLV_OCTETS } from './numbers.ts'
import { clearBeyond, octetsOfLength } from './prefix-octets.ts'
import type { RouterId } from './tlv.ts'

/** Addresses, prefixes and router-ids of our own as the octets that are sent. */

const room = new Uint8Array(16)
const NO_OCTETS = new Uint8Array(0)

/**
 * The octets of an address: of a link-local one (fe80::/64) the last eight (RFC 8966, 4.1.4), of none none.
 * @throws RangeError if the text is no address
 */
export function addressOctets(address: string | undefined): Uint8Array {
  if (address === undefined) return NO_OCTETS
  const octets = writeAddress(address, room)
  if (octets === undefined) throw new RangeError(`not an address: ${JSON.stringify(address)}`)
  if (octets === 4) return room.slice(0, 4)
  const isLinkLocal =
    room[0] === 0xfe && room[1] === 0x80 && room.subarray(2, 8).every((octet) => octet === 0)
  return room.slice(isLinkLocal ? 8 : 0, 16)
}

/** The encoding of an address whose octets `addressOctets` gave. */
export function encodingOf(octets: Uint8Array): number {
  switch (octets.length) {
    case 0:
      return AE.wildcard
    case 4:
      return AE.ipv4
    case 8:
      return AE.linkLocal
    default:
      return AE.ipv6
  }
}

/** A prefix as octets. */
export interface PrefixOctets {
  /** 16, also of IPv4; bits beyond `length` are zero. */
  readonly octets: Uint8Array
  readonly length: number
  /** Octets that are sent, if none is omitted. */
  readonly used: number
  readonly family: 'ipv4' | 'ipv6'
}

/** What is told to one neighbour is told to the others right after it. */
const PLACES = 256

/** What was made of texts lately, at most so many. Nobody may change it. */
function remembered<Made>(make: (text: string) => Made): (text: string) => Made {
  const known = new Map<string, Made>()
  return (text) => {
    let made = known.get(text)
    if (made !== undefined) return made
    made = make(text)
    if (known.size >= PLACES) known.clear()
    known.set(text, made)
    return made
  }
}

/** The octets of a prefix in CIDR notation; not to be changed. @throws RangeError if it is none */
export const prefixOctets = remembered((prefix: string): PrefixOctets => {
  const slash = prefix.lastIndexOf('/')
  const octets = new Uint8Array(16)
  const written = writeAddress(prefix.slice(0, Math.max(slash, 0)), octets)
  const length = Number(prefix.slice(slash + 1))
  if (written === undefined || !(length >= 0 && length <= written * 8))
    throw new RangeError(`not a prefix: ${JSON.stringify(prefix)}`)
  clearBeyond(octets, length)
  return { octets, length, used: octetsOfLength(length), family: written === 4 ? 'ipv4' : 'ipv6' }
})

/** Octets of the sub-TLV of a source prefix (RFC 9079, 7.1), with its type and length; any source is not said (5.1). */
export const sourcePrefixSize = (from: string): number =>
  isAnySource(from) ? 0 : TLV_OCTETS + 1 + prefixOctets(from).used

/** The eight octets of a router-id; not to be changed. */
export const routerIdOctets = remembered((routerId: RouterId): Uint8Array => {
  const octets = new Uint8Array(8)
  for (let each = 0; each < 8; each++)
    octets[each] = Number.parseInt(routerId.slice(3 * each, 3 * each + 2), 16)
  return octets
})
