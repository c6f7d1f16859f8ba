import { isIPv4 } from 'node:net'
import { isPublic } from '../values/address-kind.ts'
import { type GatewayAnswer, granted, troubled } from './trouble.ts'

/** The address that a gateway says it has outside, if it is one at which the Internet can reach it. */
export function reachableAddress(address: string): GatewayAnswer<string> {
  // A gateway without a line says nothing, or 0.0.0.0.
  if (!isIPv4(address) || address.startsWith('0.'))
    return troubled({ kind: 'behind-nat', address: undefined })
  return !isPublic(address) ? troubled({ kind: 'behind-nat', address }) : granted(address)
}
