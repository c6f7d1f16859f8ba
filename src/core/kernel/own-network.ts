import { ok, type Result } from '../result.ts'
import { isInIpv4Subnet } from '../values/ipv4-payload.ts'
import { isInside, type Network } from '../values/prefix.ts'
import { readDefaultRoutes } from './default-routes.ts'
import { isRecord, listPrintedByIp } from './ip-json.ts'
import { isOfRouter } from './route-table.ts'

/*
 * How this machine is connected, below the tunnels: what must be the same for a connection that was made to go on, and
 * what may help when it is new.
 */

/** Where packets to other machines can leave now. */
export interface OwnNetwork {
  /** `eth0 192.0.2.1/24`: usable addresses of interfaces that have a carrier. */
  readonly addresses: ReadonlySet<string>
  /** `4 eth0 192.0.2.254`: a way to the Internet, by IP version. */
  readonly ways: ReadonlySet<string>
}

/** How it is different from before. */
export interface NetworkMove {
  /** Whether packets can leave at all: while they cannot, trying is of no use. */
  readonly hasWay: boolean
  /** What is gone and what is new, for the log. */
  readonly gone: readonly string[]
  readonly come: readonly string[]
}

/** Interfaces that are no way to the outside: the machine itself, and the tunnels. */
const isInternal = (iface: string): boolean => iface === 'lo' || iface.startsWith('re6stnet')

/**
 * Whether an address is one that the network gives to its nodes: those come and go with the node and its configuration,
 * also on an interface that leads to the Internet. @param ipv4Range in CIDR notation; undefined: there is none, or none is known yet
 */
export const isOfNetwork = (address: string, network: Network, ipv4Range: string | undefined): boolean =>
  isInside(network, address) || (ipv4Range !== undefined && isInIpv4Subnet(address, ipv4Range))

/** What `ip -details -j address show` and `ip -details -j -4|-6 route show default` print. */
export interface PrintedNetwork {
  readonly addresses: string
  readonly routes4: string
  readonly routes6: string
}

/** Reads how the machine is connected. @param isInside whether an address is one of the network itself */
export function readOwnNetwork(
  { addresses, routes4, routes6 }: PrintedNetwork,
  isInside: (address: string) => boolean,
): Result<OwnNetwork> {
  const [links, ipv4, ipv6] = [
    listPrintedByIp(addresses),
    readDefaultRoutes(routes4),
    readDefaultRoutes(routes6),
  ]
  if (!links.ok) return links
  if (!ipv4.ok) return ipv4
  if (!ipv6.ok) return ipv6
  const ways = [
    ...ipv4.value.map((route) => ['4', route] as const),
    ...ipv6.value.map((route) => ['6', route] as const),
  ]
    .filter(([, { isOfNetwork }]) => !isOfNetwork)
    .flatMap(([version, { hops }]) =>
      hops
        .filter(({ isDown, iface = '' }) => !isDown && !isInternal(iface))
        .map(({ iface = '', gateway = '' }) => `${version} ${iface} ${gateway}`.trimEnd()),
    )
  const leadsOut = new Set(
    [...ipv4.value, ...ipv6.value].flatMap(({ hops }) => hops.map(({ iface }) => iface)),
  )
  // Those of containers and virtual machines come and go with these, and no tunnel leaves by them.
  const isUplink = ({ ifname, linkinfo }: Record<string, unknown>) =>
    !(isRecord(linkinfo) && linkinfo['info_kind'] === 'bridge') ||
    (typeof ifname === 'string' && leadsOut.has(ifname))
  return ok({
    addresses: new Set(links.value.filter(isUplink).flatMap((link) => addressesOf(link, isInside))),
    ways: new Set(ways),
  })
}

function addressesOf(
  { ifname, flags, addr_info: list }: Record<string, unknown>,
  isInside: (address: string) => boolean,
): readonly string[] {
  const isUp = Array.isArray(flags) && flags.includes('UP') && flags.includes('LOWER_UP')
  if (typeof ifname !== 'string' || isInternal(ifname) || !isUp || !Array.isArray(list)) return []
  return list.filter(isRecord).flatMap(({ scope, local, prefixlen, tentative, dadfailed }) =>
    // Link-local ones come with each link, and are no way to anywhere; a tentative one cannot be used yet (RFC 4862, 5.4).
    scope === 'link' ||
    scope === 'host' ||
    tentative === true ||
    dadfailed === true ||
    typeof local !== 'string' ||
    isInside(local)
      ? []
      : [`${ifname} ${local}/${String(prefixlen)}`],
  )
}

/**
 * Whether a line of `ip -o monitor link address route` is worth a look at how the machine is connected. There is a line
 * for each route that babeld installs, and several for each tunnel: they are not.
 */
export function mayConcernOwnNetwork(line: string): boolean {
  if (isOfRouter(/ proto (\S+)/.exec(line)?.[1])) return false
  const [, link] = /^(?:Deleted )?\d+: ([^\s:@]+)/.exec(line) ?? []
  if (link !== undefined) return !isInternal(link)
  // Of routes, those that lead to the Internet: the others come and go with addresses.
  return /^(?:Deleted )?(?:unicast )?default\b/.test(line)
}

/** What happened between two looks; undefined: nothing. */
export function moveBetween(before: OwnNetwork, after: OwnNetwork): NetworkMove | undefined {
  const all = ({ addresses, ways }: OwnNetwork) => [...addresses, ...[...ways].map((way) => `default ${way}`)]
  const [old, now] = [all(before), all(after)]
  const [gone, come] = [old.filter((one) => !now.includes(one)), now.filter((one) => !old.includes(one))]
  return gone.length + come.length === 0 ? undefined : { hasWay: now.length > 0, gone, come }
}
