import { ok, type Result, refuse } from '../result.ts'
import { bitsOfAddress } from './bits.ts'
import { type Network, networkOfBits } from './prefix.ts'

/** Where prefixes of networks lie: global unicast (RFC 4291, 2.5.4), and unique local addresses (RFC 4193). */
const POSSIBLE_NETWORKS = ['001', '11111101']

/** `fd`, before 40 random bits (RFC 4193, 3.1). */
const UNIQUE_LOCAL = '11111101'
const GLOBAL_ID_OCTETS = 5

/** A longer one has no room for nodes of 16 bits. */
const LONGEST = 112
const SHORTEST = 8

/** Whether addresses of a network can begin so. */
export const isPossibleNetwork = (network: Network): boolean =>
  POSSIBLE_NETWORKS.some((start) => network.startsWith(start))

/** The prefix of a new network, in CIDR notation. */
export function networkOfCidr(cidr: string): Result<Network> {
  const [, address = '', length = ''] = /^([^/]*)\/(\d{1,3})$/.exec(cidr) ?? []
  const bits = bitsOfAddress(address)
  const wrong = `${JSON.stringify(cidr)} must be a prefix like 2001:db8:42::/48`
  if (!bits.ok) return refuse(wrong)
  if (Number(length) < SHORTEST || Number(length) > LONGEST)
    return refuse(`${wrong}, from /${SHORTEST} to /${LONGEST}`)
  if (bits.value.slice(Number(length)).includes('1'))
    return refuse(`${cidr} has bits behind its prefix: all after the first ${length} must be 0`)
  const network = networkOfBits(bits.value.slice(0, Number(length)))
  return isPossibleNetwork(network) ? ok(network) : refuse(`${wrong}, in 2000::/3 or fd00::/8`)
}

/**
 * A network that nobody else has (RFC 4193): `fd` and 40 random bits.
 * @param random that many octets, from a cryptographic source
 */
export function uniqueLocalNetwork(random: (octets: number) => Uint8Array): Network {
  const id = [...random(GLOBAL_ID_OCTETS)].map((octet) => octet.toString(2).padStart(8, '0')).join('')
  return networkOfBits(UNIQUE_LOCAL + id)
}
