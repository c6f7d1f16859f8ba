import { writeAddress } from '../wire/address-text.ts'
import { BABEL_PORT } from '../wire/numbers.ts'

const address = new Uint8Array(16)

/**
 * What a MAC covers of the packet below (RFC 8967, 4.1): addresses and ports of sender and receiver; both ports are the one of
 * Babel. What is no address is left empty, and no MAC fits.
 */
export function pseudoHeader(from: string, to: string): Uint8Array {
  const header = new Uint8Array(36)
  let at = 0
  for (const each of [from, to]) {
    const octets = writeAddress(each, address) ?? 0
    header.set(address.subarray(0, octets), at)
    at += octets
    header[at++] = BABEL_PORT >> 8
    header[at++] = BABEL_PORT & 0xff
  }
  return header.subarray(0, at)
}
