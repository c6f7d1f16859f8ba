import { styleText } from 'node:util'
import type {
  CutOffReply,
  DrainReply,
  FailingReply,
  MulticastReply,
  RouteReply,
  StatusReply,
  TunnelReply,
} from '../core/control/replies.ts'
import { dayOf } from '../core/day.ts'

/** How text is shown: colours only for a person at a terminal. */
export interface Look {
  readonly colours: boolean
  /** For "3 min ago". */
  readonly nowMs: number
}

type Style = Parameters<typeof styleText>[0]

type Painter = ReturnType<typeof painter>

/** Styles text, where it is shown in colours. */
export const painter =
  ({ colours }: Look) =>
  (style: Style, text: string) =>
    colours ? styleText(style, text) : text

/** What is said of what is not in effect. */
const FAILING: Readonly<Record<FailingReply['what'], string>> = {
  configuration: 'what the registry gives is NOT in effect',
  changes: 'a change of the network is NOT in effect yet',
  renewal: 'the renewal of a certificate FAILED',
  ipv4: 'IPv4 is NOT in effect as the network says',
  servers: 'others CANNOT connect, a server does not start',
  forwarding: 'the gateway does NOT forward',
  cache: 'what is learnt CANNOT be written, and is lost at the next start',
}

/** What `re6st status` prints. */
export function statusText(status: StatusReply, look: Look): string {
  const paint = painter(look)
  const { registry, certificate, configuration, multicast } = status
  const headline = status.connected
    ? paint('green', `connected: ${status.reachableNodes} nodes reachable`)
    : paint('red', notConnected(status, look))
  const lastAnswer =
    registry.lastAnswer === null ? 'not yet asked' : `answered ${ago(registry.lastAnswer, look)} ago`
  const rows: [string, string][] = [
    ...(status.draining
      ? [
          [
            'draining',
            paint(
              'yellow',
              `for ${ago(status.draining, look)}: others take other ways ("re6st drain --undo")`,
            ),
          ] satisfies [string, string],
        ]
      : []),
    ...(status.cutOff ? [['does', doing(status.cutOff, look)] satisfies [string, string]] : []),
    ['address', `${paint('bold', status.address)}  subnet ${status.subnet}  network ${status.network}`],
    ['advertised', status.advertised.join('  ') || paint('yellow', 'none: others cannot connect to us')],
    ['registry', `${registry.url}  ${lastAnswer}`],
    ...(registry.lastError === null
      ? []
      : [['', paint('yellow', registry.lastError)] satisfies [string, string]]),
    [
      '',
      `its node ${registry.node} is ${registry.nodeReachable ? 'reachable' : paint('yellow', 'not reachable')}`,
    ],
    [
      'certificate',
      `serial ${certificate.serial}  until ${dayOf(certificate.notAfter)}  renewal from ${dayOf(certificate.renewal)}${certificate.revoked ? paint('red', '  REVOKED') : ''}`,
    ],
    // A node of an older version does not say.
    ...(status.certificatesInUseTwice ?? []).map(({ node, underlays }): [string, string] => [
      '',
      paint(
        'red',
        `${node === status.name ? 'that of this node' : `that of ${node}`} is IN USE TWICE${seenAt(underlays)}`,
      ),
    ]),
    [
      'network',
      `version ${configuration.version}  hello ${configuration.helloSeconds} s  tunnels ${configuration.clientCount} out, ${configuration.maxClients} in  ${configuration.encrypt ? 'encrypted' : paint('red', 'NOT encrypted')}  routing ${configuration.authenticatedRouting ? 'authenticated' : 'not authenticated'}${configuration.ipv4 ? `  IPv4 ${configuration.ipv4}` : ''}`,
    ],
    // A node of an older version does not say.
    ...(status.failing ?? []).map(({ what, reason }): [string, string] => [
      '',
      paint('red', `${FAILING[what] ?? what}: ${reason}`),
    ]),
    ...(multicast ? [['multicast', multicastText(multicast, paint)] satisfies [string, string]] : []),
    [
      're6stnet',
      `${status.version}  protocol ${status.protocol}  router ${status.router}  up ${duration(status.uptimeSeconds)}${status.sourceSpecificRoutes ? '' : paint('yellow', '  no source-specific routes')}`,
    ],
  ]
  return [
    `${paint('bold', status.name)}  ${headline}`,
    ...rows.map(([name, value]) => `  ${name.padEnd(12)}${value}`),
  ].join('\n')
}

const seenAt = (underlays: readonly string[]): string =>
  underlays.length === 0 ? '' : `: seen at ${underlays.join(' and ')}`

const notConnected = ({ cutOff, registry, name }: StatusReply, look: Look): string => {
  const what = registry.node === name ? 'no other node is' : 'the node of the registry is not'
  return `NOT connected${cutOff ? ` for ${ago(cutOff.since, look)}` : ''}: ${what} within reach`
}

/** What a node that is cut off does about it. */
function doing({ connecting, tunnels, registryAskedAt }: CutOffReply, { nowMs }: Look): string {
  const untilAskedMs = registryAskedAt === null ? undefined : Date.parse(registryAskedAt) - nowMs
  return [
    ...(connecting.length > 0 ? [`makes tunnels to ${connecting.join(', ')}`] : []),
    ...(tunnels.length > 0 ? [`waits for routes over its tunnels to ${tunnels.join(', ')}`] : []),
    untilAskedMs === undefined
      ? 'asks the registry'
      : `asks the registry again in ${duration(Math.max(0, untilAskedMs / 1000))}`,
  ].join('; ')
}

const multicastText = ({ routing, reason, streams, groups }: MulticastReply, paint: Painter): string =>
  routing ? `${streams} streams to ${groups} groups forwarded` : paint('red', `NOT routed: ${reason ?? '?'}`)

/** What `re6st drain` prints. */
export function drainText({ draining, forwarding }: DrainReply): string {
  if (draining === null) return 'others may come this way again'
  return forwarding
    ? 'others take other ways where there are some; packets are still passed on: they have no other, they come from a LAN behind this node, or neighbours (with babeld) do not know yet'
    : 'others have taken other ways: nothing is passed on any more'
}

/** What `re6st tunnels` prints. */
export function tunnelsText(tunnels: readonly TunnelReply[], look: Look): string {
  if (tunnels.length === 0) return 'no tunnels'
  const paint = painter(look)
  const rows = tunnels.map((tunnel) => [
    tunnel.peer ?? '?',
    tunnel.direction === 'client' ? '→' : '←',
    tunnel.state,
    tunnel.iface,
    tunnel.protocol ?? '-',
    tunnel.underlay ?? '-',
    ago(tunnel.since, look),
    tunnel.state === 'failed' ? '-' : `${bytes(tunnel.receivedBytes)}/${bytes(tunnel.sentBytes)}`,
    tunnel.roundTripMs === null ? '-' : `${tunnel.roundTripMs.toFixed(1)} ms`,
    tunnel.cost === null ? '-' : String(tunnel.cost),
    tunnel.reason ?? '',
  ])
  const header = [
    'PEER',
    '',
    'STATE',
    'IFACE',
    'PROTO',
    'UNDERLAY',
    'SINCE',
    'IN/OUT',
    'RTT',
    'COST',
    'REASON',
  ]
  return aligned([header, ...rows], (line, row) =>
    row === 0 ? paint('dim', line) : tunnels[row - 1]?.state === 'failed' ? paint('yellow', line) : line,
  )
}

/** What `re6st routes` prints. */
export function routesText(routes: readonly RouteReply[], look: Look): string {
  if (routes.length === 0) return 'no routes: this node reaches nobody'
  const paint = painter(look)
  const rows = routes.map(({ node, prefix, nextHop, via, iface, metric, installed }) => [
    installed ? '*' : '',
    node,
    prefix,
    nextHop ?? via,
    iface,
    String(metric),
  ])
  return aligned([['', 'NODE', 'SUBNET', 'NEXT HOP', 'IFACE', 'METRIC'], ...rows], (line, row) =>
    row === 0 || !routes[row - 1]?.installed ? paint('dim', line) : line,
  )
}

/** Columns of text; each line is painted. */
export function aligned(
  rows: readonly (readonly string[])[],
  paint: (line: string, row: number) => string,
): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row, index) =>
      paint(
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
        index,
      ),
    )
    .join('\n')
}

/** How long ago, for people. */
export const ago = (time: string, { nowMs }: Look): string =>
  duration(Math.max(0, (nowMs - Date.parse(time)) / 1000))

/** `42 s`, `3 min`, `5 h`, `12 d`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} min`
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} d`
}

/** `512`, `1.2k`, `34M`. */
export function bytes(count: number): string {
  const units = ['', 'k', 'M', 'G', 'T', 'P']
  let unit = 0
  let value = count
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)}${units[unit]}`
}
