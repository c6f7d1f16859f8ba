import { isIPv4 } from 'node:net'
import { ok, type Result, refuse } from '../result.ts'

/** The IPv4 subnet of one node, inside a network that carries IPv4, too. */
export interface Ipv4Payload {
  /** The range of the whole network, e.g. `10.42.0.0/16`. */
  readonly range: string
  /** The node's subnet, e.g. `10.42.5.0/24`. */
  readonly subnet: string
  /** The node's address: the first of its subnet that is one, e.g. `10.42.5.1`. */
  readonly address: string
  /** Length of the subnet's prefix. */
  readonly length: number
}

/** With more bits for the subnet number than this, the other implementation gives up: so do we. */
const MAX_SUBNET_BITS = 16

/**
 * Checks the range of the network and says its length. It holds for every node, also for one that gets no subnet of it.
 * @param range `ipv4` of the network configuration, e.g. `10.42.0.0/16`
 * @param subnetBits `ipv4_sublen`: how many bits number the subnets
 */
export function ipv4RangeLength(range: string, subnetBits: number): Result<number> {
  const [network = '', lengthText = ''] = range.split('/')
  const length = Number(lengthText)
  if (!isIPv4(network) || !/^\d{1,2}$/.test(lengthText) || length > 32)
    return refuse(`${JSON.stringify(range)} is not an IPv4 network`)
  if (numberOfIpv4(network) % 2 ** (32 - length) !== 0)
    return refuse(`${range} has bits behind its prefix: subnets of different nodes would be the same`)
  if (!Number.isInteger(subnetBits) || subnetBits < 0 || subnetBits > MAX_SUBNET_BITS)
    return refuse(`a subnet number of ${subnetBits} bits is not supported (at most ${MAX_SUBNET_BITS})`)
  if (length + subnetBits > 32)
    return refuse(`${range} has no room for a subnet number of ${subnetBits} bits`)
  return ok(length)
}

/** The IPv4 subnet of the node with this subject serial; refused also when the range itself is. */
export function ipv4Payload(
  range: string,
  subnetBits: number,
  subjectSerial: number | undefined,
): Result<Ipv4Payload> {
  const rangeLength = ipv4RangeLength(range, subnetBits)
  if (!rangeLength.ok) return rangeLength
  if (subjectSerial === undefined) return refuse('the certificate has no serial number in its subject')
  if (subjectSerial >= 2 ** subnetBits)
    return refuse(`the serial number ${subjectSerial} of this node does not fit into ${subnetBits} bits`)
  const length = rangeLength.value + subnetBits
  const start = numberOfIpv4(range.split('/')[0] ?? '') + subjectSerial * 2 ** (32 - length)
  return ok({
    range,
    subnet: `${ipv4OfNumber(start)}/${length}`,
    // A /31 or /32 has no network address that could not be used (RFC 3021).
    address: ipv4OfNumber(length >= 31 ? start : start + 1),
    length,
  })
}

/** Whether an address is in a subnet in CIDR notation; one that is everywhere, or no IPv4 subnet, has none. */
export function isInIpv4Subnet(address: string, subnet: string): boolean {
  const [start = '', length] = subnet.split('/')
  if (!isIPv4(start) || Number(length) === 0) return false
  const size = 2 ** (32 - Number(length))
  return Math.floor(numberOfIpv4(address) / size) === Math.floor(numberOfIpv4(start) / size)
}

const numberOfIpv4 = (address: string): number =>
  address.split('.').reduce((number, byte) => number * 256 + Number(byte), 0)

const ipv4OfNumber = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')
