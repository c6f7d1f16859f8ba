import { isIPv4, isIPv6 } from 'node:net'
import { ok, type Result, refuse } from '../result.ts'
import { bitsOfAddress } from '../values/bits.ts'
import { isInIpv4Subnet } from '../values/ipv4-payload.ts'
import { bitsInside, type Network, type Prefix, prefixOfCidr, prefixOfSubnetName } from '../values/prefix.ts'
import { nodeOfDestination } from './destination.ts'

/** How a person names a node. */
export type NodeName =
  | { readonly kind: 'name'; readonly prefix: Prefix }
  | { readonly kind: 'subnet'; readonly cidr: string }
  | { readonly kind: 'address'; readonly address: string }

/** What of a route tells whose it is. */
export interface OwnedRoute {
  /** Destination in CIDR notation. */
  readonly prefix: string
  /** Router-id of the originator. */
  readonly routerId: string
}

/** Reads `5/16`, `2001:db8:42:5::/64`, `2001:db8:42:5::1`, `10.42.5.1` or `10.42.5.0/24`. */
export function readNodeName(text: string): Result<NodeName> {
  if (/^\d+\/\d+$/.test(text)) {
    const prefix = prefixOfSubnetName(text)
    return prefix.ok ? ok({ kind: 'name', prefix: prefix.value }) : prefix
  }
  const [address = '', length, ...more] = text.split('/')
  const isAddress = isIPv4(address) || bitsOfAddress(address).ok
  if (!isAddress || more.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length)))
    return refuse(
      `${JSON.stringify(text)} names no node: give its name (like 5/16), its subnet, or an address in it`,
    )
  return length !== undefined && isIPv6(address)
    ? ok({ kind: 'subnet', cidr: text })
    : ok({ kind: 'address', address })
}

/**
 * The node that is meant.
 * @param own this node and its subnets
 * @param routes all that are known: they say which nodes there are, and whose an address is
 */
export function nodeNamed(
  name: NodeName,
  network: Network,
  own: { readonly prefix: Prefix; readonly subnets: readonly string[] },
  routes: readonly OwnedRoute[],
): Result<Prefix> {
  switch (name.kind) {
    case 'name':
      return ok(name.prefix)
    case 'subnet': {
      const prefix = prefixOfCidr(network, name.cidr)
      if (!prefix.ok) return prefix
      return prefix.value === '' ? refuse(`${name.cidr} is the whole network: name one node of it`) : prefix
    }
    case 'address':
      return isIPv4(name.address)
        ? ownerOfIpv4(name.address, network, own, routes)
        : ownerOfIpv6(name.address, network, own.prefix, routes)
  }
}

function ownerOfIpv6(
  address: string,
  network: Network,
  own: Prefix,
  routes: readonly OwnedRoute[],
): Result<Prefix> {
  const bits = bitsInside(network, address)
  if (!bits.ok) return bits
  let owner: Prefix | undefined = bits.value.startsWith(own) ? own : undefined
  for (const { prefix } of routes) {
    const node = nodeOfDestination(network, prefix)
    if (node !== undefined && bits.value.startsWith(node) && node.length > (owner?.length ?? 0)) owner = node
  }
  return owner === undefined ? refuse(unknownOwner(address)) : ok(owner)
}

function ownerOfIpv4(
  address: string,
  network: Network,
  own: { readonly prefix: Prefix; readonly subnets: readonly string[] },
  routes: readonly OwnedRoute[],
): Result<Prefix> {
  if (own.subnets.some((subnet) => isInIpv4Subnet(address, subnet))) return ok(own.prefix)
  const found = routes
    .filter(({ prefix }) => isInIpv4Subnet(address, prefix))
    .sort((one, other) => lengthOf(other) - lengthOf(one))[0]
  const owner = routes
    .filter(({ routerId }) => routerId === found?.routerId)
    .map(({ prefix }) => nodeOfDestination(network, prefix))
    .find((node) => node !== undefined)
  return owner === undefined ? refuse(unknownOwner(address)) : ok(owner)
}

const lengthOf = ({ prefix }: OwnedRoute): number => Number(prefix.split('/')[1])

const unknownOwner = (address: string): string =>
  `there is no route to ${address}, so nobody knows whose it is: give the name of the node (like 5/16)`
