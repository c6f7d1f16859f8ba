import { isIPv4 } from 'node:net'
import type { MonitoredRoute } from '../../core/kernel/monitor-line.ts'
import { RE6ST_PROTOCOL, ROUTE_METRIC } from '../../core/kernel/route-table.ts'
import { ANY_IPV4, ANY_IPV6 } from '../../core/routes/any-source.ts'

/** A destination, and where its packets come from: `::/0` or `0.0.0.0/0` is anywhere. */
export interface KernelDestination {
  readonly prefix: string
  readonly from: string
  /** Of several to the same destination the kernel takes the one with the smallest. */
  readonly metric?: number
}

/** Where packets go next. */
export interface KernelHop {
  readonly iface: string
  /** Of the interface: another one is another interface of the same name. */
  readonly index: number
  /** An IPv6 address also for IPv4 destinations (RFC 9229). */
  readonly via: string
  /** Source of packets of this machine that have none yet. */
  readonly source: string | undefined
}

/** Where packets go, or that they go nowhere, not even where those to a shorter prefix go. */
export type Wanting = KernelHop | 'unreachable'

/** A route as it is wanted. */
export interface Wanted extends KernelDestination {
  hop: Wanting
}

/** What `ip` writes of routes that are ours. */
export const PROTOCOL = String(RE6ST_PROTOCOL)
/** Only these are of routes that could be ours. */
export const OUR_METRICS: ReadonlySet<number> = new Set([ROUTE_METRIC.re6st, ROUTE_METRIC.withoutSource])

const isAnywhere = (from: string): boolean => from.endsWith('/0')

/** A destination as it is written. */
export const keyOf = ({ prefix, from, metric = ROUTE_METRIC.re6st }: KernelDestination): string =>
  `${prefix}${isAnywhere(from) ? '' : ` from ${from}`} metric ${metric}`

const identity = (destination: KernelDestination): string => `${keyOf(destination)} proto ${PROTOCOL}`

/** The interface over which packets go, if any. */
export const ifaceOf = (hop: Wanting | undefined): string | undefined =>
  hop === 'unreachable' ? undefined : hop?.iface

/** Makes a route as it is wanted, whatever is there. */
export function replaceLine({ hop, ...destination }: Wanted): string {
  if (hop === 'unreachable') return `route replace unreachable ${identity(destination)}`
  const { index, via, source } = hop
  const isThroughOther = isIPv4(destination.prefix.split('/')[0] ?? '') && !isIPv4(via)
  return [
    // By its index: `ip` remembers for as long as it runs which one an interface of that name had first.
    `route replace ${identity(destination)} via ${isThroughOther ? `inet6 ${via}` : via} dev if${index}`,
    // On a LAN with IPv6 next hops for IPv4, and on taps: nobody has an address there in which the hop lies.
    ...(isThroughOther || via.includes(':') ? [] : ['onlink']),
    ...(source === undefined ? [] : [`src ${source}`]),
  ].join(' ')
}

/** Removes a route: without its interface, which may be gone. */
export const deleteLine = (destination: KernelDestination): string => `route del ${identity(destination)}`

/** The key that a route of the kernel has here. */
export function monitoredKey({ to, from, metric, family }: MonitoredRoute): string {
  const [anywhere, host] = family === 'ipv6' ? [ANY_IPV6, '/128'] : [ANY_IPV4, '/32']
  const whole = (known: string) => (known.includes('/') ? known : `${known}${host}`)
  const prefix = to === 'default' ? anywhere : whole(to)
  const source = from === undefined ? anywhere : whole(from)
  return keyOf({ prefix, from: source, ...(metric === undefined ? {} : { metric }) })
}

/** Whether a route of the kernel is as it should be, to the source of packets that have none yet. */
export const isAsWanted = (route: MonitoredRoute, hop: Wanting): boolean =>
  leadsTo(route, hop) && hop !== 'unreachable' && route.source === hop.source

/** Whether a route of the kernel leads where it should. */
export const leadsTo = ({ via, iface }: MonitoredRoute, hop: Wanting): boolean =>
  hop !== 'unreachable' && via === hop.via && iface === hop.iface
