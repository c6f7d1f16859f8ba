import { isIP } from 'node:net'

/** How a tunnel can be reached: `tcp` and `udp` mean IPv4. */
export type TunnelProtocol = 'udp' | 'tcp' | 'udp6' | 'tcp6'

/** One way to reach a node's servers. */
export interface PeerAddress {
  /** IPv4 or IPv6 address, or host name. */
  readonly host: string
  readonly port: number
  readonly protocol: TunnelProtocol
  /** Country code of the address, if it is known. */
  readonly country: string | undefined
}

/** An address list (protocol, section 8) that was read: what is usable, in order, and the entries that are not. */
export interface ParsedAddressList {
  readonly addresses: readonly PeerAddress[]
  /** Entries that were skipped, as they stood; an empty entry (a `;` too many) is no mistake. */
  readonly skipped: readonly string[]
}

/** More than a node with every protocol and several addresses has; each that does not answer costs half a minute. */
const MAX_ADDRESSES = 32

/** The first protocol that knows the country of an address; older peers fail on a fourth field. */
export const COUNTRY_MIN_PROTOCOL = 7

/** All protocols, in the order in which a user would try them. */
export const TUNNEL_PROTOCOLS: readonly TunnelProtocol[] = ['udp', 'tcp', 'udp6', 'tcp6']

const PROTOCOLS: Readonly<Record<string, TunnelProtocol>> = {
  udp: 'udp',
  udp4: 'udp',
  tcp: 'tcp',
  tcp4: 'tcp',
  udp6: 'udp6',
  tcp6: 'tcp6',
}

/** Whether a protocol runs over IPv6. */
export const isIpv6Protocol = (protocol: TunnelProtocol): boolean => protocol.endsWith('6')

/** Reads `host,port,proto[,country]` joined by `;`: the first {@link MAX_ADDRESSES} of them. Never throws. */
export function parseAddressList(text: string): ParsedAddressList {
  const addresses: PeerAddress[] = []
  const skipped: string[] = []
  for (const entry of text.split(';')) {
    const address = parseAddress(entry)
    if (addresses.length >= MAX_ADDRESSES) break
    if (address) addresses.push(address)
    else if (entry.trim() !== '') skipped.push(entry)
  }
  return { addresses, skipped }
}

function parseAddress(entry: string): PeerAddress | undefined {
  const [host = '', port = '', protocolText = '', country = ''] = entry
    .split(',')
    .map((field) => field.trim())
  const protocol = Object.hasOwn(PROTOCOLS, protocolText) ? PROTOCOLS[protocolText] : undefined
  // What ends up on OpenVPN's command line must look like a host and a port, and nothing else.
  if (!/^[\p{L}\p{N}_][\p{L}\p{N}_.:-]*$|^::[0-9a-fA-F:.]*$/u.test(host) || protocol === undefined)
    return undefined
  if (!/^\+?[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 0xffff) return undefined
  return { host, port: Number(port), protocol, country: country === '' ? undefined : country }
}

/** Writes an address list, with or without the countries. */
export const formatAddressList = (
  addresses: readonly PeerAddress[],
  { withCountry }: { readonly withCountry: boolean },
): string => addresses.map((address) => formatAddress(address, withCountry)).join(';')

const formatAddress = ({ host, port, protocol, country }: PeerAddress, withCountry: boolean): string =>
  [host, port, protocol, ...(withCountry && country !== undefined ? [country] : [])].join(',')

/** The answer to a peer that asks for our addresses. Undefined protocol: the registry asks. */
export const addressAnswer = (addresses: readonly PeerAddress[], peerProtocol: number | undefined): string =>
  formatAddressList(addresses, {
    withCountry: peerProtocol === undefined || peerProtocol >= COUNTRY_MIN_PROTOCOL,
  })

/** What the cache keeps when a peer announces `announced`: these, in the order in which the known ones stood. */
export function mergeAnnounced(
  known: readonly PeerAddress[],
  announced: readonly PeerAddress[],
): readonly PeerAddress[] {
  const before = known.filter((one) => announced.some((other) => isSame(one, other)))
  return [...before, ...announced.filter((one) => !before.some((other) => isSame(one, other)))]
}

/** What the cache keeps when a tunnel to `worked` came up: the known ones, this one first. */
export function preferWorking(known: readonly PeerAddress[], worked: PeerAddress): readonly PeerAddress[] {
  if (known.length === 0) return [worked]
  return [...known.filter((one) => isSame(one, worked)), ...known.filter((one) => !isSame(one, worked))]
}

/** Which of several addresses has answered: where one is a host name, only its IP address is known of the one that did. */
export function whichOf(
  addresses: readonly PeerAddress[],
  { host, port, protocol }: Pick<PeerAddress, 'host' | 'port' | 'protocol'>,
): PeerAddress | undefined {
  const alike = addresses.filter((one) => one.port === port && one.protocol === protocol)
  return alike.find((one) => one.host === host) ?? alike.find((one) => isIP(one.host) === 0)
}

const isSame = (one: PeerAddress, other: PeerAddress): boolean =>
  formatAddress(one, true) === formatAddress(other, true)
