import { falseAlarmsReport } from './false-alarms.ts'
import type { FloodResult } from './flood.ts'
import type { ForwardingResult } from './forwarding.ts'
import { growthReport } from './growth.ts'
import { idleReport } from './idle.ts'
import { largeNetworkReport } from './large-network.ts'
import { leavingReport } from './leaving.ts'
import { newLinkReport } from './link.ts'
import { mapReport } from './map/map.ts'
import type { NetworkResult } from './network.ts'
import { outageReport } from './outage/report.ts'
import { packageReport } from './package.ts'
import type { PortMappingResult } from './port-mapping.ts'
import { punctualReport } from './punctual.ts'
import type { RegistryResult } from './registry.ts'
import { registryScaleReport } from './registry-scale-report.ts'
import { scaleReport } from './scale-report.ts'
import type { Measured, Results } from './sections.ts'
import type { RatioWithBounds } from './statistics.ts'
import { table } from './table.ts'
import { targetsReport } from './targets.ts'
import type { Ratios, ThroughputResult } from './throughput.ts'
import { wholeNodesReport } from './whole-nodes.ts'

/** Measured with the other implementation on a machine of the same kind, for comparison. */
const OTHER: {
  readonly start: Readonly<Record<number, number>>
  readonly join: Readonly<Record<number, number>>
  readonly memoryMb: number
  readonly idleCpuSeconds: number
  readonly calls: Readonly<Record<string, number>>
} = {
  start: { 15: 76, 4: 38 },
  join: { 15: 70, 4: 21 },
  memoryMb: 27,
  idleCpuSeconds: 0.03,
  calls: {
    'requestCertificate 0': 23,
    'requestCertificate 20000': 0.17,
    'hello 0': 400,
    'getNetworkConfig in a session 0': 1100,
  },
}

/** The report, as Markdown. */
export const report = (results: Results): string => `# Benchmarks

Written by \`npm run bench\`; \`npm run bench -- SECTION …\` measures a part of it anew. The machines are shared and noisy. In
round brackets: the Python implementation, measured on a machine of the same kind, not in the same run.

## Targets

${targetsReport(results)}

Where nothing else is said, each was measured when the section below says.

## A network of eight nodes

${section('network', results.network, startReport)}

## A new link

${section('link', results.link, newLinkReport)}

## An idle link

${section('idle', results.idle, idleReport)}

## Punctual hellos

${section('punctual', results.punctual, punctualReport)}

## Outages

${section('outage', results.outage, outageReport)}

## False alarms

${section('false-alarms', results['false-alarms'], falseAlarmsReport)}

## Tunnels and nodes that leave

${section('leaving', results.leaving, leavingReport)}

## One steady node

${section('network', results.network, steadyReport)}

## Processor time as a network grows

${section('growth', results.growth, growthReport)}

## Hostile datagrams

${section('flood', results.flood, floodReport)}

## The registry

${section('registry', results.registry, registryReport)}

## The registry at scale

${section('registry-scale', results['registry-scale'], registryScaleReport)}

## Streams

${section('streams', results.streams, streamsReport)}

${section('forwarding', results.forwarding, forwardingReport)}

## Port forwarding

${section('port-mapping', results['port-mapping'], portMappingReport)}

## The tunnel policy at scale

${section('scale', results.scale, scaleReport)}

## A large network

${section('large-network', results['large-network'], largeNetworkReport)}

## Whole nodes as a network grows

${section('whole-nodes', results['whole-nodes'], wholeNodesReport)}

## The map of the registry's page

${section('map', results.map, mapReport)}

## The Debian package

${section('package', results.package, packageReport)}
`

const section = <Result>(
  name: string,
  measured: Measured<Result> | undefined,
  write: (result: Result) => string,
): string =>
  measured === undefined
    ? `Not measured yet (\`npm run bench -- ${name}\`).`
    : `${write(measured.result)}\n\nMeasured on ${measured.measuredOn}.`

const other = (of: Readonly<Record<number | string, number>>, key: number | string): string =>
  key in of ? ` (${of[key]})` : ''

function startReport(networks: readonly NetworkResult[]): string {
  return `Seconds from the start of all nodes (with certificates, without caches) until all pairs ping, and from the start of a
ninth until it is among them; one run of each.

${table(
  ['hello', 'start', 'join of a ninth'],
  networks.map(({ helloSeconds: hello, startSeconds, joinSeconds }) => [
    `${hello} s`,
    `${startSeconds.toFixed(1)}${other(OTHER.start, hello)}`,
    `${joinSeconds.toFixed(1)}${other(OTHER.join, hello)}`,
  ]),
)}

${networks.map(startPartsReport).join('')}`
}

/** How a start divides. */
function startPartsReport({ helloSeconds, startParts = {} }: NetworkResult): string {
  const parts = Object.entries(startParts).map(([part, ms]) => `${part} ${(ms / 1000).toFixed(2)} s`)
  return parts.length === 0
    ? ''
    : `With hello ${helloSeconds}, from the start of a node's own work (what comes before is that of Node.js), the middle one of
all nodes: ${parts.join(', ')}.
`
}

function steadyReport(networks: readonly NetworkResult[]): string {
  return `${table(
    ['hello', 'node process, PSS', 'of it anonymous', 'with openvpn and babeld', 'CPU seconds a minute, all'],
    networks.map(({ helloSeconds, nodeMb, nodeAnonymousMb, allMb, idleCpuSecondsPerMinute }) => [
      `${helloSeconds} s`,
      `${nodeMb.toFixed(0)} MB`,
      `${nodeAnonymousMb.toFixed(0)} MB`,
      `${allMb.toFixed(0)} MB (${OTHER.memoryMb})`,
      `${idleCpuSecondsPerMinute.toFixed(2)} (${OTHER.idleCpuSeconds})`,
    ]),
  )}

PSS divides the pages of the executable among all Node.js processes of this machine (here some ten); what is anonymous is
a node's own. A node that is the only one on its machine has up to 33 MB of clean pages of the executable to itself, which
the kernel can drop. A Node.js process that does nothing has 6 MB of its own. CPU is measured for a minute, half a minute
after the ninth node is reached by all.`
}

function floodReport(floods: readonly FloodResult[]): string {
  return `One node of three sends to UDP port 326 of another, through the tunnels between them, from addresses of its own and of
others; meanwhile an honest node asks the other one a question, again and again, and waits three seconds for each answer.
Memory is the node process's own (anonymous), before and after; CPU is that of the node process, in percent of one
processor. The sender is on the same two processors.

${table(
  ['what is sent', 'sent a second', 'CPU', 'memory before', 'after', 'questions answered'],
  floods.map(({ what, sentPerSecond, cpuShare, memoryBeforeMb, memoryAfterMb, asked, answered }) => [
    what,
    String(sentPerSecond),
    `${(100 * cpuShare).toFixed(1)} %`,
    `${memoryBeforeMb.toFixed(1)} MB`,
    `${memoryAfterMb.toFixed(1)} MB`,
    `${answered} of ${asked}`,
  ]),
)}`
}

function registryReport({ rates, memoryMb, floods }: RegistryResult): string {
  return `${table(
    ['call', 'certificates', 'clients', 'a second', 'p50', 'p99', 'CPU a call', "client's"],
    rates.map(({ what, certificates, clients, perSecond, p50Ms, p99Ms, registryCpuMs, clientCpuMs }) => [
      what,
      String(certificates),
      String(clients),
      `${perSecond.toFixed(0)}${clients === 1 ? other(OTHER.calls, `${what} ${certificates}`) : ''}`,
      `${p50Ms.toFixed(1)} ms`,
      `${p99Ms.toFixed(1)} ms`,
      registryCpuMs > 0 ? `${registryCpuMs.toFixed(2)} ms` : '',
      `${clientCpuMs.toFixed(2)} ms`,
    ]),
  )}

Five seconds of requests for certificates come first, so that “0” are some hundreds or thousands in fact: the code is compiled
by then. The client runs on the same two processors: it writes requests that were made before, and of answers reads only the
length. The last columns are the processor time of one call, of the registry with all its threads and of the client. When all of that was measured, the registry had ${memoryMb.toFixed(0)} MB (PSS).

A node with a session asks for the configuration and says hello, some fifty calls a second in all, while strangers do what they
can, in a process with the lowest priority on the same two processors:

${table(
  ['who floods', 'calls', 'failed', 'p50', 'p99', 'p99 to calm'],
  floods.map(({ what, calls, failed, p50Ms, p99Ms }) => [
    what,
    String(calls),
    String(failed),
    `${p50Ms.toFixed(1)} ms`,
    `${p99Ms.toFixed(1)} ms`,
    (p99Ms / Math.max(floods[0]?.p99Ms ?? 0, floods.at(-1)?.p99Ms ?? 0)).toFixed(1),
  ]),
)}`
}

function streamsReport({ networks, rounds, kinds, all }: ThroughputResult): string {
  const percent = (value: number) => (100 * value).toFixed(0)
  const ratioOf = ({ ratio, low, high }: RatioWithBounds) =>
    `${percent(ratio)} % (${percent(low)}–${percent(high)})`
  const ratiosOf = (speed: Ratios, economy: Ratios) =>
    [speed, economy]
      .flatMap(({ oursToBare, bareToBare }) => [oursToBare, bareToBare])
      .concat(economy.oursToUnmanaged)
      .map(ratioOf)
  const rows = kinds.flatMap(({ what, stream, datagrams }) =>
    [
      { kind: 'TCP', comparison: stream },
      { kind: 'UDP', comparison: datagrams },
    ].map(({ kind, comparison: { ours, bare, speed, economy } }) => [
      what,
      kind,
      ...[ours, bare].map((mbits) => mbits.toFixed(0)),
      ...ratiosOf(speed, economy),
    ]),
  )
  return `Between two neighbours, four streams of a second at the same time: through a tunnel of ours, through two of the same
OpenVPN with the same options, as far as they touch a packet, with nobody who uses their management interface, and through
one of the same without that interface. Afterwards the same with UDP, in packets of 1280 bytes: half as much again is sent as
TCP brought at the best, and what arrives is counted; such a flood now and then drops babeld's hellos, too, and then our
route is gone for a moment. Mbit/s are medians, while the four share the processors, one for each machine.

A ratio is the geometric mean of ${networks} networks, each with new processes (an OpenVPN can be quicker than its like by a tenth
for as long as it lives) and ${rounds} rounds; in brackets, the bounds between which the true one lies with a probability of about
95 %, each. It is told of the speed, and of the bits for a second of processor time, of both OpenVPNs and both ends of the
stream; what the node and babeld do meanwhile is with neither. “Bare to bare” compares the two that are alike, and so tells
how much the method errs.

${table(
  [
    ...['tunnel', 'stream', 'ours', 'bare OpenVPN', 'speed: ours to bare', 'bare to bare'],
    ...['by processor time: ours to bare', 'bare to bare', 'ours to one without management'],
  ],
  [...rows, ['all', 'both', '', '', ...ratiosOf(all.speed, all.economy)]],
)}`
}

function forwardingReport(forwarding: readonly ForwardingResult[]): string {
  return `Small packets (64 bytes of UDP) from one node to another through a third, as many as can be; those that arrive, median of
five.

${table(
  ['tunnels', 'packets a second'],
  forwarding.map(({ what, packetsPerSecond }) => [what, packetsPerSecond.toFixed(0)]),
)}`
}

function portMappingReport(portMapping: readonly PortMappingResult[]): string {
  return `Seconds from the start of a node, that has a cache, until a gateway (miniupnpd) that speaks only one protocol forwards
its port; median of three.

${table(
  ['protocol', 'seconds'],
  portMapping.map(({ method, seconds: took }) => [method, took.toFixed(2)]),
)}`
}
