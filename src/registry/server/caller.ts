import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/** Whom to believe. */
export interface Trust {
  /** Addresses from which private methods may be called. */
  readonly authorizedOrigins: ReadonlySet<string>
  /** Addresses of proxies whose X-Forwarded-For is believed, also for private methods. */
  readonly trustedProxies: ReadonlySet<string>
}

/** Where a call comes from. */
export interface CallOrigin {
  /** Where a machine is: the peer's address, or the first that proxies name. */
  readonly address: string
  /** Who asks: the peer, or whom the last of the proxies that are believed has seen. What it says of itself does not count. */
  readonly client: string
  /** What counts as one source: an IPv4 address, an IPv6 /64; undefined: of this machine, or a proxy that names nobody. */
  readonly source: string | undefined
  /** Why private methods may not be called; undefined: they may. */
  readonly notOperator: string | undefined
}

/** What a proxy adds to a request that it passes on; X-Forwarded-For is looked at apart. */
const SIGNS_OF_A_PROXY = [
  'via',
  'forwarded',
  'x-real-ip',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-server',
] as const

/** Whether it is an address of this machine, which many may share. */
export const isLoopback = (address: string): boolean => address === '127.0.0.1' || address === '::1'

/**
 * Who calls, by the peer's address and what a proxy says. A proxy of this machine is believed when it says where a
 * machine is; who may call private methods is believed only of a proxy that was named.
 * @param peer plain address of the other end; undefined for a Unix socket, which only those may open who are let in
 * @param hasCertificate whether the peer has shown the certificate of an administrator
 */
export function originOf(
  { headers }: Pick<IncomingMessage, 'headers'>,
  peer: string | undefined,
  trust: Trust,
  hasCertificate = false,
): CallOrigin {
  const chain = String(headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((entry) => plainAddress(entry.trim()))
    .filter((entry) => entry !== '')
  const isProxy = peer === undefined || isLoopback(peer) || trust.trustedProxies.has(peer)
  const address = (isProxy ? chain[0] : undefined) ?? peer ?? '::1'
  // Each proxy adds who spoke to it: what stands before the last that is no proxy of ours is hearsay.
  const client = isProxy
    ? (chain.findLast((entry) => !trust.trustedProxies.has(entry)) ?? chain[0])
    : undefined
  return {
    address,
    client: client ?? peer ?? '::1',
    source: isProxy ? client && sourceOf(client) : sourceOf(peer),
    notOperator: hasCertificate
      ? signOfABrowser(headers)
      : whyNotOperator(headers, peer, chain.length > 0 ? (client ?? chain.at(-1)) : undefined, trust),
  }
}

/** What an address counts as: who has an IPv6 address has its whole /64. */
export function sourceOf(address: string): string {
  if (isIP(address) !== 6) return address
  const [head = '', tail] = address.toLowerCase().split('::')
  const groups = head === '' ? [] : head.split(':')
  const behind = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - behind.length)
  return `${[...groups, ...Array<string>(zeros).fill('0'), ...behind].slice(0, 4).join(':')}::/64`
}

function whyNotOperator(
  headers: IncomingMessage['headers'],
  peer: string | undefined,
  forwardedFor: string | undefined,
  { authorizedOrigins, trustedProxies }: Trust,
): string | undefined {
  const isNamedProxy = peer !== undefined && trustedProxies.has(peer)
  const caller = forwardedFor ?? peer
  if (forwardedFor !== undefined && !isNamedProxy)
    return 'a proxy passed it on that --trusted-proxy does not name'
  if (caller !== undefined && !authorizedOrigins.has(caller)) return `${caller} is not an authorised origin`
  const sign = isNamedProxy ? undefined : SIGNS_OF_A_PROXY.find((name) => name in headers)
  if (sign !== undefined) return `a proxy passed it on (${sign}) that --trusted-proxy does not name`
  if (!isOwnHost(headers.host)) return 'its Host is neither an address nor localhost'
  return signOfABrowser(headers)
}

/** A page in a browser of this machine must not be able to call: it says where it comes from. */
function signOfABrowser(headers: IncomingMessage['headers']): string | undefined {
  if ('origin' in headers || 'referer' in headers) return 'a web page asks'
  const site = headers['sec-fetch-site']
  return site === undefined || site === 'none' ? undefined : 'a web page asks'
}

/** A name may be anybody's who lets it point here (DNS rebinding). */
function isOwnHost(host: string | undefined): boolean {
  if (host === undefined || host === '') return true
  const name = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(host)
  const bare = name?.[1] ?? name?.[2] ?? ''
  return bare.toLowerCase() === 'localhost' || isIP(bare) > 0
}

/** An address without brackets and port, and without what the kernel puts in front of IPv4 on an IPv6 socket. */
export function plainAddress(text: string): string {
  const [, bracketed, ipv4] = /^"?(?:\[([^\]]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+)"?$/.exec(text) ?? []
  return (bracketed ?? ipv4 ?? text).replace(/^::ffff:(?=\d+\.)/i, '')
}
