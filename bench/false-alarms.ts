import { fileURLToPath } from 'node:url'
import { type Lab, withLab } from '../lab/lab.ts'
import type { LabProcess } from '../lab/lab-process.ts'
import type { Machine } from '../lab/machine.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { systemClock } from '../src/platform/clock.ts'
import { startIperfServer } from './iperf.ts'
import type { BenchOptions } from './options.ts'
import { type Hop, pathOf } from './outage/paths.ts'
import type { Progress } from './progress.ts'
import { table } from './table.ts'
import {
  DELAY_MS,
  endsOf,
  type Scene,
  STREAM_SECONDS,
  type StreamOf,
  TROUBLES,
  type Trouble,
} from './troubles.ts'

/** How often a neighbour that was there all the time was taken for dead. */
export interface FalseAlarms {
  readonly tunnels: string
  readonly trouble: string
  readonly minutes: number
  readonly alarms: number
  /** How often packets were sent another way meanwhile, for a neighbour did not answer for a moment. */
  readonly doubts?: number
  /** What was said of them, for people. */
  readonly lines: readonly string[]
  /** Seconds until a path that was cut meanwhile was noticed at its ends, the later one; undefined: none was cut. */
  readonly deathSeconds?: readonly number[]
}

const NODES = 3
const HELLO_SECONDS = 15
const DEADLINE_MS = 180_000
/** Each trouble. All of them, over both kinds of tunnels, take five times as long. */
const MINUTES = 0.9
const SETTLE_MS = 5_000
/** How often a path is cut that is full, and how long that has been: over this time, it carries at least so much. */
const DEATHS = 3
const LOADED_MS = 2_500
const LOADED_MBITS = 5
const RELAY = fileURLToPath(new URL('./delaying-relay.ts', import.meta.url))
const PORT = '1194'
const ALARM = /neighbour flushed .*cause="?(no answer|hellos missed)/
const DOUBT = /neighbour changed .*cause="?no answer/
/** What a router logs of its neighbours, and for how long before an alarm it is told; of so many alarms. */
const SEEN = /neighbour (suspected|changed|flushed|added)|more is sent than|loop/
const SEEN_MS = 4_000
const ALARMS_TOLD = 3

const PROTOCOLS = ['tcp', 'udp']

/** Troubles that are no death of a neighbour, over both kinds of tunnels. */
export async function measureFalseAlarms(
  { minutes = MINUTES, trouble: only, protocol }: BenchOptions,
  { before, keep }: Progress<readonly FalseAlarms[]>,
): Promise<readonly FalseAlarms[]> {
  insistOn(
    '--trouble',
    only,
    TROUBLES.map(({ name }) => name),
  )
  insistOn('--protocol', protocol, PROTOCOLS)
  let results = before ?? []
  const measure = async (tunnels: string, trouble: Trouble) => {
    const result = await inLab(tunnels, trouble, minutes)
    const others = results.filter((one) => one.tunnels !== tunnels || one.trouble !== trouble.what)
    results = [...others, result].sort((a, b) => placeOf(a) - placeOf(b))
    keep(results)
  }
  const wanted = PROTOCOLS.filter((one) => (protocol ?? one) === one).flatMap((tunnels) =>
    TROUBLES.filter(({ name }) => (only ?? name) === name).map((trouble) => ({ tunnels, trouble })),
  )
  // What loads the machine is by itself; the others hardly do.
  await Promise.all(
    wanted.filter(({ trouble }) => !trouble.load).map(({ tunnels, trouble }) => measure(tunnels, trouble)),
  )
  for (const { tunnels, trouble } of wanted) if (trouble.load) await measure(tunnels, trouble)
  return results
}

/** Where it stands in the report, which does not depend on what was measured first. */
const placeOf = ({ tunnels, trouble }: FalseAlarms): number =>
  PROTOCOLS.indexOf(tunnels) * TROUBLES.length + TROUBLES.findIndex(({ what }) => what === trouble)

/** One trouble, in a network of its own. */
function inLab(tunnels: string, trouble: Trouble, minutes: number): Promise<FalseAlarms> {
  const { name, what, happen, load, isRelayed = false } = trouble
  return withLab({ name: `alarms-${tunnels}-${name}` }, async (lab) => {
    const { network, relays } = await networkOf(lab, tunnels, isRelayed)
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    // Of two nodes with a tunnel each way, one closes its own.
    await systemClock.sleep(SETTLE_MS)
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    const earlier = network.nodes.map((node) => ({ alarms: alarmsOf(node).length, doubts: doubtsOf(node) }))
    const untilMs = systemClock.monotonicMs() + minutes * 60_000
    const scene = { lab, network, relays, untilMs }
    await happen(scene)
    const alarms = network.nodes.flatMap((node, at) =>
      alarmsOf(node)
        .slice(earlier[at]?.alarms ?? 0)
        .map((line) => ({ node, line })),
    )
    const doubts = network.nodes.reduce(
      (sum, node, at) => sum + doubtsOf(node) - (earlier[at]?.doubts ?? 0),
      0,
    )
    console.log(`${tunnels}: ${what}: ${alarms.length} false alarms, ${doubts} doubts in ${minutes} minutes`)
    // What the routers of all nodes saw before each, so that one run tells why.
    for (const { node, line } of alarms.slice(0, ALARMS_TOLD)) {
      console.log(`  ${node.name}: ${line}`)
      for (const seen of network.nodes.flatMap((one) => seenBefore(one, line))) console.log(`    ${seen}`)
    }
    const lines = alarms.slice(0, ALARMS_TOLD).map(({ node, line }) => `${node.name}: ${line}`)
    return {
      ...{ tunnels, trouble: what, minutes, alarms: alarms.length, doubts, lines },
      ...(load ? { deathSeconds: await deathsUnderLoad(scene, load) } : {}),
    }
  })
}

/** What a node's router logged of neighbours in the seconds before a line of its or another's log. */
const seenBefore = (node: Re6stNode, line: string): string[] => {
  const atMs = timeOf(line) ?? 0
  return node.logLines().flatMap((other) => {
    const beforeMs = atMs - (timeOf(other) ?? 0)
    const isOfThen = beforeMs >= 0 && beforeMs <= SEEN_MS && SEEN.test(other)
    return isOfThen ? [`${(-beforeMs / 1000).toFixed(3)} s ${node.name}: ${other}`] : []
  })
}

/** @throws Error when there is no such thing */
function insistOn(option: string, value: string | undefined, known: readonly string[]): void {
  if (value !== undefined && !known.includes(value))
    throw new Error(`${option}: ${value} is none of ${known.join(', ')}`)
}

/** The section, as Markdown. */
export const falseAlarmsReport = (
  results: readonly FalseAlarms[],
): string => `How often a neighbour was taken for dead that was there all the time: of three nodes, at a hello interval of
${HELLO_SECONDS} s, while one pings another each 10 ms. Target: never. A doubt
only sends packets another way for a while, where there is one. And how soon it is noticed by both ends that a path is cut
while it is full.

${table(
  ['tunnels', 'trouble', 'minutes', 'false alarms', 'doubts', 'a path cut meanwhile: noticed after'],
  results.map(({ tunnels, trouble, minutes, alarms, doubts, deathSeconds = [] }) => [
    ...[tunnels, trouble, String(minutes), String(alarms), String(doubts ?? '')],
    deathSeconds.map((seconds) => `${seconds.toFixed(2)} s`).join(', '),
  ]),
)}`

async function networkOf(
  lab: Lab,
  protocol: string,
  isRelayed: boolean,
): Promise<Pick<Scene, 'network' | 'relays'>> {
  const relays: LabProcess[] = []
  const relayBefore = async ({ name, addresses }: Machine): Promise<readonly string[]> => {
    const machine = await lab.host(`${name}-relay`)
    const command = [process.execPath, '--import', 'tsx', RELAY]
    let isReady = false
    const relay = machine.start([...command, protocol, PORT, addresses.ipv4 ?? '', String(DELAY_MS / 2)], {
      name: 'relay',
      directory: process.cwd(),
      onLine: () => {
        isReady = true
      },
    })
    await lab.waitFor(() => isReady, { what: 'a relay to be ready', deadlineMs: DEADLINE_MS })
    relays.push(relay)
    return ['--ip', machine.addresses.ipv4 ?? '']
  }
  const registryOn = await lab.host('n0')
  const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds: HELLO_SECONDS })
  for (let number = 0; number < NODES; number++) {
    const machine = number === 0 ? registryOn : await lab.host(`n${number}`)
    const nodeOptions = ['--router', 're6st', '--verbose', '4', '--pp', PORT, protocol]
    // By default a node has no tunnels over UDP.
    nodeOptions.push('--disable-proto', protocol === 'udp' ? 'tcp' : 'udp')
    if (isRelayed) nodeOptions.push(...(await relayBefore(machine)))
    await network.join(machine, { nodeOptions })
  }
  return { network, relays }
}

const alarmsOf = (node: Re6stNode): string[] => node.logLines().filter((line) => ALARM.test(line))
const doubtsOf = (node: Re6stNode): number => node.logLines().filter((line) => DOUBT.test(line)).length
/** From here on packets take another way. */
const noticedBy = (node: Re6stNode): string[] =>
  node.logLines().filter((line) => ALARM.test(line) || DOUBT.test(line))

/** How long it takes until both ends notice that the path between them was cut while it was full, some times. */
async function deathsUnderLoad(scene: Scene, load: StreamOf): Promise<readonly number[]> {
  const { lab, network } = scene
  const ends = endsOf(scene)
  const [, to] = ends
  startIperfServer(to.machine)
  const seconds: number[] = []
  while (seconds.length < DEATHS) {
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    let isOver = false
    const streams = keepLoaded(load, ends, () => isOver)
    const hop = await lab.waitFor(() => loadedHop(ends, network.nodes), {
      what: 'a path to be loaded',
      deadlineMs: DEADLINE_MS,
    })
    const cutEnds = [hop.from.node, hop.to.node]
    const known = cutEnds.map((node) => noticedBy(node).length)
    const cutMs = Date.now()
    await lab.cut(hop.from.node.machine, hop.to.node.machine)
    const noticedMs = await lab.waitFor(
      () => {
        const times = cutEnds.map((node, at) => timeOf(noticedBy(node)[known[at] ?? 0]))
        return times.every((ms) => ms !== undefined) && Math.max(...times.map((ms) => ms ?? 0))
      },
      { what: 'both ends of a path that was cut to notice it', deadlineMs: DEADLINE_MS },
    )
    seconds.push((noticedMs - cutMs) / 1000)
    isOver = true
    await lab.restore(hop.from.node.machine, hop.to.node.machine)
    await streams
  }
  for (const process of to.machine.processes) if (process.name === 'iperf3') await process.stop()
  console.log(`a path cut meanwhile: noticed after ${seconds.join(', ')} s`)
  return seconds
}

/** One stream after the other. */
async function keepLoaded(
  load: StreamOf,
  [from, to]: readonly [Re6stNode, Re6stNode],
  isOver: () => boolean,
): Promise<void> {
  while (!isOver())
    try {
      await load(from.machine, { address: to.address, seconds: STREAM_SECONDS })
    } catch {
      // The server is busy for a moment after each stream, and longer after one that a cut has ended.
      await systemClock.sleep(500)
    }
}

/**
 * The first link that packets between two nodes take, if they have for a while been as many as can be. A full tunnel has long round
 * trips, and then the way over the third node may be shorter: it is full instead.
 */
async function loadedHop(
  [from, to]: readonly [Re6stNode, Re6stNode],
  nodes: readonly Re6stNode[],
): Promise<Hop | undefined> {
  const before = await firstHopOf(from, to, nodes)
  if (before === undefined) return undefined
  const { iface } = before.from
  const sentBytes = async () =>
    Number((await from.machine.run('cat', `/sys/class/net/${iface}/statistics/tx_bytes`)).stdout)
  const bytesBefore = await sentBytes()
  await systemClock.sleep(LOADED_MS)
  const mbits = ((await sentBytes()) - bytesBefore) * (8 / 1_000 / LOADED_MS)
  const after = await firstHopOf(from, to, nodes)
  return mbits > LOADED_MBITS && after?.from.iface === iface && after.to.node === before.to.node
    ? after
    : undefined
}

const firstHopOf = async (
  from: Re6stNode,
  to: Re6stNode,
  nodes: readonly Re6stNode[],
): Promise<Hop | undefined> => (await pathOf(from, to, nodes))?.[0]

/** When a line was logged. */
function timeOf(line: string | undefined): number | undefined {
  const [, day, time] = /^(\S+) (\S+) /.exec(line ?? '') ?? []
  return day === undefined ? undefined : Date.parse(`${day}T${time}Z`)
}
