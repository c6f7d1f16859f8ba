import { kernelDestinationOf } from '../../../core/babel/configuration.ts'
import type { EngineOutput, Forwarding } from '../../../core/babel/engine/ports.ts'
import type { Destination } from '../../../core/babel/wire/tlv.ts'
import type { Logger } from '../../../platform/log.ts'
import type { KernelRouteTable } from '../../kernel/route-table.ts'
import { neighbourOf } from '../neighbour.ts'
import type { RouterSettings, RoutingChange } from '../router.ts'
import type { KernelLiveness } from './kernel-liveness.ts'
import type { Links } from './links.ts'
import { routeOf } from './views.ts'

interface OutputInit {
  readonly log: Logger
  readonly links: Pick<Links, 'send' | 'forget' | 'indexOf'>
  readonly liveness: Pick<KernelLiveness, 'spokeTo' | 'setRtt'>
  readonly table: Pick<KernelRouteTable, 'set'>
  /** Those that hold now. */
  readonly settings: () => RouterSettings
  /** The longest round-trip time of the neighbours on an interface, if one is known. */
  readonly longestRttOn: (iface: string) => number | undefined
  /** For whoever watches the router. */
  readonly tell: (change: RoutingChange) => void
}

/** What the machine of routes does to the world: packets over the links, ways into the kernel, news for whoever watches. */
export const engineOutput = ({
  log,
  links,
  liveness,
  table,
  settings,
  longestRttOn,
  tell,
}: OutputInit): EngineOutput => ({
  send(iface, to, tlvs) {
    if (to !== undefined) liveness.spokeTo(iface, to)
    links.send(iface, to, tlvs)
  },
  forward(destination, route) {
    forward(destination, route, settings(), { table, links })
  },
  neighbour(change, view, cause) {
    const neighbour = neighbourOf(view)
    // One that began anew has just proved itself.
    if (change === 'flushed' && cause !== 'goodbye') links.forget(view.iface, view.address)
    liveness.setRtt(view.iface, longestRttOn(view.iface))
    log.trace({ ...neighbour, cause }, `neighbour ${change}`)
    tell({ kind: 'neighbour', change, neighbour, cause })
  },
  route(change, route, cause) {
    tell({ kind: 'route', change, route: routeOf(route), cause })
  },
})

/** The source of packets of this machine that have none yet. */
export const sourceFor = (
  { nodeAddress, ipv4 }: Pick<RouterSettings, 'nodeAddress' | 'ipv4'>,
  prefix: string,
): string | undefined => (prefix.includes(':') ? nodeAddress : ipv4?.address)

function forward(
  learnt: Destination,
  route: Forwarding,
  settings: RouterSettings,
  { table, links }: Pick<OutputInit, 'table' | 'links'>,
): void {
  const destination = kernelDestinationOf(settings, learnt)
  if (route === 'unreachable') return table.set(destination, route)
  const source = sourceFor(settings, destination.prefix)
  const index = route && links.indexOf(route.iface)
  const hop =
    route && index !== undefined ? { iface: route.iface, index, via: route.nextHop, source } : undefined
  table.set(destination, hop)
}
