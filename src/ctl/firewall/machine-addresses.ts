import { BlockList, isIPv6 } from 'node:net'
import type { MachineAddresses, MachineInterface, WayInside } from '../../core/firewall/probe.ts'
import type { Surroundings } from '../../core/firewall/surroundings.ts'
import {
  ADDRESS_BITS,
  addressOfBits,
  bitsOfAddress,
  bitsOfNumber,
  numberOfBits,
} from '../../core/values/bits.ts'
import { networkCidr, nodeAddress } from '../../core/values/prefix.ts'
import { ipJson } from '../../platform/ip-json.ts'
import type { Processes } from '../../platform/processes.ts'

interface PrintedAddress {
  readonly ifindex: number
  readonly ifname: string
  readonly addr_info?: readonly { readonly local?: string; readonly scope?: string }[]
}

interface PrintedRoute {
  readonly type?: string
  readonly dst?: string
  readonly dev?: string
  readonly nexthops?: readonly { readonly dev?: string }[]
}

/**
 * Looks up interfaces, addresses, and the ways to other nodes.
 * @throws Re6stError when `ip` is missing
 */
export async function machineAddresses(
  { own, ipv4Range }: Surroundings,
  processes: Processes,
): Promise<MachineAddresses> {
  const ip = <T extends object>(...words: string[]) => ipJson<T>(processes, ...words)
  const network = own && networkCidr(own.network)
  const [printed, routes6, routes4] = await Promise.all([
    ip<PrintedAddress>('addr', 'show'),
    network === undefined ? [] : ip<PrintedRoute>('-6', 'route', 'show', 'root', network),
    ipv4Range === undefined ? [] : ip<PrintedRoute>('-4', 'route', 'show', 'root', ipv4Range),
  ])
  const interfaces = printed.map(interfaceOf)
  const locals = new Set(interfaces.flatMap(({ addresses }) => addresses))
  const node = own && nodeAddress(own.network, own.prefix)
  const node4 =
    ipv4Range === undefined
      ? undefined
      : [...locals].find((address) => !isIPv6(address) && within(ipv4Range, address))
  return {
    interfaces,
    ways: [
      ...routes6.flatMap((route) => wayOf('ipv6', route, locals)),
      ...routes4.flatMap((route) => wayOf('ipv4', route, locals)),
    ],
    self: {
      ...(node !== undefined && locals.has(node) ? { ipv6: node } : {}),
      ...(node4 === undefined ? {} : { ipv4: node4 }),
    },
  }
}

function interfaceOf({ ifindex, ifname, addr_info = [] }: PrintedAddress): MachineInterface {
  const locals = (isLinkLocal: boolean) =>
    addr_info.flatMap(({ local, scope }) =>
      local !== undefined && (scope === 'link') === isLinkLocal ? [local] : [],
    )
  return {
    name: ifname.replace(/@.*/, ''),
    index: ifindex,
    addresses: locals(false),
    linkLocal: locals(true).find((address) => isIPv6(address)),
  }
}

/** A route of the network to another node; none for what is not reachable, or is this machine's own. */
function wayOf(family: WayInside['family'], route: PrintedRoute, locals: ReadonlySet<string>): WayInside[] {
  const { type = 'unicast', dst = '', dev = route.nexthops?.[0]?.dev } = route
  if (type !== 'unicast' || dev === undefined || dst === 'default') return []
  if ([...locals].some((local) => within(dst, local))) return []
  const [base = '', length = family === 'ipv6' ? '128' : '32'] = dst.split('/')
  const [peer, otherPeer] = [2, 3].map((fromEnd) => addressFromEnd(base, Number(length), fromEnd))
  return peer === undefined || otherPeer === undefined ? [] : [{ family, iface: dev, peer, otherPeer }]
}

/** An address of a subnet, counted from its end: one that nobody talks with. The only one of a small subnet. */
function addressFromEnd(base: string, length: number, fromEnd: number): string | undefined {
  if (isIPv6(base)) {
    const bits = bitsOfAddress(base)
    if (!bits.ok) return undefined
    const number = numberOfBits(bits.value) + (1n << BigInt(ADDRESS_BITS - length)) - BigInt(fromEnd)
    return ADDRESS_BITS - length < 2 ? base : addressOfBits(bitsOfNumber(number, ADDRESS_BITS))
  }
  if (length > 30) return base
  const number = base.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0) + 2 ** (32 - length)
  return [24, 16, 8, 0].map((shift) => ((number - fromEnd) >>> shift) & 0xff).join('.')
}

function within(cidr: string, address: string): boolean {
  const [base = '', length] = cidr.split('/')
  const family = isIPv6(base) ? 'ipv6' : 'ipv4'
  if (isIPv6(address) !== (family === 'ipv6')) return false
  const list = new BlockList()
  list.addSubnet(base, Number(length ?? (family === 'ipv6' ? 128 : 32)), family)
  return list.check(address, family)
}
