import { ok, type Result, refuse } from '../result.ts'
import { isBits } from '../values/bits.ts'
import { type Prefix, prefixOfBits } from '../values/prefix.ts'

/*
 * How the registry talks to the network (protocol, section 7): it sends to the re6st node on its own machine
 *
 *   <prefix bits in ASCII> 0x00 <code> <argument>
 *
 * and gets the answer in the same form.
 */

/** A request to a node of the network, or its answer. */
export interface RegistryDatagram {
  /** Whom it is for, or from whom it is. */
  readonly prefix: Prefix
  readonly code: number
  readonly argument: Uint8Array
}

/** Writes a datagram. */
export const encodeRegistryDatagram = ({ prefix, code, argument }: RegistryDatagram): Buffer =>
  Buffer.concat([Buffer.from(`${prefix}\0`, 'ascii'), Buffer.from([code]), argument])

/** Reads a datagram; one without a code is no request. */
export function decodeRegistryDatagram(datagram: Uint8Array): Result<RegistryDatagram> {
  const end = datagram.indexOf(0)
  if (end < 0 || end > 128) return refuse('no prefix in front')
  const bits = Buffer.from(datagram.subarray(0, end)).toString('latin1')
  const code = datagram[end + 1]
  if (!isBits(bits)) return refuse('what stands in front is not a prefix')
  if (code === undefined) return refuse('no code behind the prefix')
  return ok({ prefix: prefixOfBits(bits), code, argument: datagram.subarray(end + 2) })
}
