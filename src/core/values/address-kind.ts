import { BlockList, isIPv4, isIPv6 } from 'node:net'

/**
 * Who can be reached at an address: one machine of the Internet; one of a private network (RFC 1918, 4193, 6598); or
 * nobody from outside, or no single machine, as the IANA registries of special-purpose addresses have it.
 */
export type AddressKind = 'public' | 'private' | 'special'

const PRIVATE = new BlockList()
for (const [network, length] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE.addSubnet(network, length, 'ipv4')
PRIVATE.addSubnet('fc00::', 7, 'ipv6')

/** Addresses for documentation are not among them: networks to try things in are made of those. */
const SPECIAL = new BlockList()
for (const [network, length] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  // 464XLAT and DS-Lite (RFC 7335), discovery of NAT64.
  ['192.0.0.0', 24],
  // 6to4 relays, benchmarks (and tunnels that answer for every name with an address of their own).
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  // Multicast, reserved, and the broadcast address.
  ['224.0.0.0', 3],
] as const)
  SPECIAL.addSubnet(network, length, 'ipv4')
for (const [network, length] of [
  // Teredo, ORCHID and the like, 6to4: they lead to an IPv4 address, or nowhere.
  ['2001::', 23],
  ['2002::', 16],
] as const)
  SPECIAL.addSubnet(network, length, 'ipv6')

/** All that has been given to machines of the Internet (RFC 4291, 2.4). Beyond it are loopback, NAT64, multicast … */
const GLOBAL_UNICAST = new BlockList()
GLOBAL_UNICAST.addSubnet('2000::', 3, 'ipv6')

/** Who can be reached at an address. Undefined: that is a name, or nothing. */
export function addressKind(address: string): AddressKind | undefined {
  if (isIPv4(address)) {
    if (SPECIAL.check(address, 'ipv4')) return 'special'
    return PRIVATE.check(address, 'ipv4') ? 'private' : 'public'
  }
  if (!isIPv6(address)) return undefined
  if (PRIVATE.check(address, 'ipv6')) return isMapped(address) ? 'special' : 'private'
  return GLOBAL_UNICAST.check(address, 'ipv6') && !SPECIAL.check(address, 'ipv6') ? 'public' : 'special'
}

/** Whether an address is one at which the Internet can reach a machine. */
export const isPublic = (address: string): boolean => addressKind(address) === 'public'

/**
 * Whether somebody else's word is enough to send packets to an address: one of the Internet, or of a private network
 * (10/8, 192.168/16 …) in which we have an address, too, or that is known to be near. Never this machine itself, whoever
 * is on the link, or many.
 * @param own addresses of this machine
 * @param near others that we can reach: a container in 172.17/16 has its registry, say, in 192.168/16
 */
export function mayBeDialled(address: string, own: readonly string[], near: readonly string[] = []): boolean {
  if (own.includes(address)) return false
  switch (addressKind(address)) {
    case 'public':
      return true
    case 'private':
      return [...own, ...near].some(
        (one) => privateNetworkOf(one) === privateNetworkOf(address) && addressKind(one) === 'private',
      )
    default:
      return false
  }
}

/** Which private network an address belongs to; of IPv6, the site's /48 (RFC 4193, 3.2). */
function privateNetworkOf(address: string): string {
  if (isIPv6(address)) return address.toLowerCase().split(':').slice(0, 3).join(':')
  const [first = ''] = address.split('.')
  return first
}

const isMapped = (address: string): boolean => /^[0:]*:ffff:/i.test(address)
