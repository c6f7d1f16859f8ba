/** What `ip -o monitor link address route neigh` tells. */
export type KernelEvent =
  | { readonly kind: 'route'; readonly isGone: boolean; readonly route: MonitoredRoute }
  /** The interface, or an address of it, came, changed or went. */
  | {
      readonly kind: 'interface'
      readonly iface: string
      /** One that came, or changed. */
      readonly address?: string
    }
  | {
      readonly kind: 'neighbour'
      readonly iface: string
      readonly address: string
      readonly state: NeighbourState
    }

/** As far as it matters: `stale` is one that is not known to be reachable any more, and not asked yet. */
export type NeighbourState = 'reachable' | 'stale' | 'probe' | 'failed' | 'other'

/** A route of the main table, as the kernel tells of it. */
export interface MonitoredRoute {
  /** As `ip` writes it: `default` for both families, a host without its length. */
  readonly to: string
  readonly from: string | undefined
  readonly family: 'ipv4' | 'ipv6'
  /** Undefined, as `iface`, also where its packets are spread over several ways. */
  readonly via: string | undefined
  readonly iface: string | undefined
  /** Of packets of this machine that have none yet. */
  readonly source: string | undefined
  readonly protocol: string | undefined
  readonly metric: number | undefined
}

/** Reads a line. Undefined: it says nothing that matters here. */
export function parseMonitorLine(line: string): KernelEvent | undefined {
  const isGone = line.startsWith('Deleted ')
  const text = isGone ? line.slice('Deleted '.length) : line
  const [, iface] = /^\d+: ([^\s:@]+)/.exec(text) ?? []
  if (iface !== undefined) {
    const address = isGone ? undefined : / inet6? ([0-9a-f.:]+)/.exec(text)?.[1]
    return { kind: 'interface', iface, ...(address === undefined ? {} : { address }) }
  }
  const words = text.trim().split(/\s+/)
  const after = (name: string) => {
    const at = words.indexOf(name, 1)
    return at < 0 ? undefined : words[at + 1]
  }
  const [to = ''] = words[0] === 'unicast' ? words.slice(1) : words
  const dev = after('dev')
  // `ip` leaves out who made a route that was made by hand, and the metric of an IPv4 one.
  if (
    to === 'default' ||
    to.includes('/') ||
    ['proto', 'metric', 'via'].some((word) => words.includes(word))
  ) {
    if (words.includes('table') || !/^(default|[0-9a-f.:]+(\/\d+)?)$/.test(to)) return undefined
    const isSpread = words.includes('nexthop')
    const via = isSpread ? undefined : after('via')
    const metric = after('metric')
    // Only IPv6 routes have a preference (RFC 4191); IPv4 ones may have an IPv6 next hop.
    const isIpv6 = to.includes(':') || words.includes('pref') || (via !== 'inet6' && via?.includes(':'))
    return {
      kind: 'route',
      isGone,
      route: {
        to,
        family: isIpv6 ? 'ipv6' : 'ipv4',
        from: after('from'),
        via: via === 'inet6' ? after('inet6') : via,
        iface: isSpread ? undefined : dev,
        source: after('src'),
        protocol: after('proto'),
        metric: metric === undefined ? undefined : Number(metric),
      },
    }
  }
  const state = words.at(-1)
  if (dev === undefined || isGone || !/^[0-9a-f:]+$/.test(to)) return undefined
  return { kind: 'neighbour', iface: dev, address: to, state: stateOf(state) }
}

function stateOf(word: string | undefined): NeighbourState {
  switch (word) {
    case 'REACHABLE':
      return 'reachable'
    case 'STALE':
      return 'stale'
    case 'PROBE':
      return 'probe'
    case 'FAILED':
      return 'failed'
    default:
      return 'other'
  }
}
