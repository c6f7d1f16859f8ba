import { ipv4AddressText, ipv6AddressText, routerIdText } from './known-texts.ts'
import { AE } from './numbers.ts'
import { LINK_LOCAL } from './prefix-octets.ts'
import type { RouterId } from './tlv.ts'

/**
 * What later TLVs of a packet refer to (RFC 8966, 4.5). Updated by each TLV that says something of it, also by those that are
 * ignored otherwise. What a broken TLV should have said is unknown from there on, so that nothing is taken for what it is
 * not.
 */
export class ParserState {
  /** Undefined: not said yet. */
  routerId: RouterId | undefined
  nextHopIpv4: string | undefined
  nextHopIpv6: string | undefined
  readonly #defaults = new Map<number, Uint8Array>()

  /** @param sender source address of the packet: next hop, until another is said (RFC 8966, 4.6.8) */
  constructor(sender: string) {
    if (sender.includes(':')) this.nextHopIpv6 = sender
    else this.nextHopIpv4 = sender
  }

  /** The prefix that omitted octets are taken from: RFC 8966, 4.6.9; RFC 9229, 4.1. */
  defaultPrefix(encoding: number): Uint8Array | undefined {
    return this.#defaults.get(encoding)
  }

  /** An Update with the Prefix flag; without octets: with a prefix that could not be read. */
  setDefaultPrefix(encoding: number, octets: Uint8Array | undefined): void {
    // RFC 8966, 4.1.4: link-local addresses are not compressed.
    if (encoding === AE.linkLocal) return
    if (!octets) this.#defaults.delete(encoding)
    else {
      const known = this.#defaults.get(encoding)
      if (known) known.set(octets)
      else this.#defaults.set(encoding, octets.slice())
    }
  }

  /** A Router-Id TLV, or an Update with the Router-Id flag: eight octets at `at`. */
  setRouterId(bytes: Uint8Array, at: number): void {
    this.routerId = readRouterId(bytes, at)
  }

  /** A Next Hop TLV: the address is at `at`. */
  setNextHop(bytes: Uint8Array, at: number, end: number, encoding: number): void {
    // RFC 8966, 4.6.8: others are ignored; RFC 9229, 2.4: also IPv4 by way of IPv6.
    if (encoding === AE.ipv4) this.nextHopIpv4 = readAddress(bytes, at, end, encoding)?.text
    else if (encoding === AE.ipv6 || encoding === AE.linkLocal)
      this.nextHopIpv6 = readAddress(bytes, at, end, encoding)?.text
  }
}

/** The router-id at `at`; undefined if it is one that must not be (RFC 8966, 4.1.3). */
export function readRouterId(bytes: Uint8Array, at: number): RouterId | undefined {
  const first = bytes[at] ?? 0
  if (first === 0 || first === 0xff) {
    let same = 1
    while (same < 8 && bytes[at + same] === first) same++
    if (same === 8) return undefined
  }
  return routerIdText(bytes, at)
}

/** An address that was read, and how many octets it takes. */
interface ReadAddress {
  readonly text: string
  readonly octets: number
}

/** The address at `at`; undefined if too little is there, or the encoding is none of a single address. */
export function readAddress(
  bytes: Uint8Array,
  at: number,
  end: number,
  encoding: number,
): ReadAddress | undefined {
  switch (encoding) {
    case AE.ipv4:
      return at + 4 > end ? undefined : { text: ipv4AddressText(bytes, at), octets: 4 }
    case AE.ipv6:
      return at + 16 > end ? undefined : { text: ipv6AddressText(bytes, at), octets: 16 }
    case AE.linkLocal: {
      if (at + 8 > end) return undefined
      const whole = new Uint8Array(16)
      whole.set(LINK_LOCAL)
      whole.set(bytes.subarray(at, at + 8), 8)
      return { text: ipv6AddressText(whole, 0), octets: 8 }
    }
    default:
      return undefined
  }
}
