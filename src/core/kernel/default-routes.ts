import { ok, type Result } from '../result.ts'
import { isRecord, listPrintedByIp } from './ip-json.ts'
import { isOfRouter } from './route-table.ts'

/** One way of a default route: those with several ways share the packets among them. */
export interface NextHop {
  /** Undefined: whoever is meant is on the link itself. With IPv4, also an IPv6 address (RFC 8950). */
  readonly gateway: string | undefined
  readonly iface: string | undefined
  /** Whether the kernel knows that nothing can be sent there now. */
  readonly isDown: boolean
}

/** A default route that leads somewhere. */
export interface DefaultRoute {
  /** At least one. */
  readonly hops: readonly NextHop[]
  /** Of several routes the kernel takes the one with the smallest. */
  readonly metric: number
  /** Source address of what this machine sends there, if the route says so. */
  readonly source: string | undefined
  /** Made by the network's router: for packets from a network alone. */
  readonly isOfNetwork: boolean
}

/** Reads what `ip -details -j route show default` prints, for one IP version; routes that go nowhere are left out. */
export function readDefaultRoutes(printed: string): Result<readonly DefaultRoute[]> {
  const routes = listPrintedByIp(printed)
  if (!routes.ok) return routes
  return ok(
    routes.value
      .filter(({ type = 'unicast' }) => type === 'unicast')
      .map((route) => {
        const ways = Array.isArray(route['nexthops']) ? route['nexthops'].filter(isRecord) : []
        return {
          hops: (ways.length > 0 ? ways : [route]).map(nextHopOf),
          metric: typeof route['metric'] === 'number' ? route['metric'] : 0,
          source: textOf(route['prefsrc']),
          isOfNetwork: isOfRouter(route['protocol']),
        }
      }),
  )
}

/**
 * The first way to the Internet that no re6st network has given, in what `ip -details -j route show default` prints.
 * @returns the route as a user would write it; undefined: there is none
 */
export function otherDefaultRouteIn(printed: string): Result<string | undefined> {
  const routes = readDefaultRoutes(printed)
  if (!routes.ok) return routes
  const [hop] = routes.value.find(({ isOfNetwork }) => !isOfNetwork)?.hops ?? []
  return ok(hop && ['default', ...word('via', hop.gateway), ...word('dev', hop.iface)].join(' '))
}

function nextHopOf({ gateway, via, dev, flags }: Record<string, unknown>): NextHop {
  const marks: readonly unknown[] = Array.isArray(flags) ? flags : []
  return {
    gateway: textOf(gateway) ?? (isRecord(via) ? textOf(via['host']) : undefined),
    iface: textOf(dev),
    isDown: marks.includes('linkdown') || marks.includes('dead'),
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

const word = (name: string, value: string | undefined): readonly string[] =>
  value === undefined ? [] : [name, value]
