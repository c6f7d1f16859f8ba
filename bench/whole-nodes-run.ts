import process from 'node:process'
import { SampledRouting } from '../lab/simulation/babel/sampled-routing.ts'
import { wholeNodes } from '../lab/simulation/whole-nodes.ts'
import { seededRandom } from '../test/support/random.ts'

/*
 * One simulated network of whole nodes, in a process of its own: what it needs is measured, and given back. How many nodes, and
 * how many of their subnets are announced, stand in the arguments; the outcome is written as JSON.
 */

/** What was seen. */
export interface WholeNodesOutcome {
  readonly nodes: number
  /** How many subnets are announced. */
  readonly destinations: number
  /** Virtual time until each had a route to each of these; undefined: not within ten minutes. */
  readonly formingSeconds: number | undefined
  readonly formingCpuSeconds: number
  /** Then, of each node: what it sends, with headers of IPv6 and UDP, and what computing it takes. */
  readonly bytesPerSecond: number
  readonly cpuSecondsPerMinute: number
  /** Announced ways that each knows. */
  readonly candidates: number
  readonly memoryMb: number
  readonly loops: number
}

const MINUTE_MS = 60_000
const STEP_MS = 5_000
const DEADLINE_MS = 10 * MINUTE_MS
/** In that time a tenth of the tunnels is replaced. */
const CALM_MS = 2 * MINUTE_MS
const SEED = 20261128

function run(nodes: number, destinations: number): WholeNodesOutcome {
  const { network, routing } = wholeNodes(
    nodes,
    seededRandom(SEED),
    (init) => new SampledRouting(init, destinations),
  )
  const areAllRouted = () => network.nodes.every((node) => routing.isRouted(node))
  while (!areAllRouted() && network.nowMs < DEADLINE_MS) network.run(network.nowMs + STEP_MS)
  const formingSeconds = areAllRouted() ? network.nowMs / 1_000 : undefined
  const formingCpuSeconds = cpuSeconds()
  // Those that came last still look for better ways.
  network.run(network.nowMs + MINUTE_MS)
  const before = { bytes: routing.engines.network.bytes, cpu: cpuSeconds() }
  network.run(network.nowMs + CALM_MS)
  const candidates = routing.engines.network.routers.reduce(
    (sum, { engine }) => sum + (engine?.routes().length ?? 0),
    0,
  )
  return {
    ...{ nodes, destinations, formingSeconds, formingCpuSeconds },
    bytesPerSecond: (routing.engines.network.bytes - before.bytes) / nodes / (CALM_MS / 1_000),
    cpuSecondsPerMinute: (cpuSeconds() - before.cpu) / nodes / (CALM_MS / MINUTE_MS),
    candidates: candidates / nodes,
    memoryMb: process.resourceUsage().maxRSS / 1024,
    loops: routing.engines.loops.length,
  }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

process.stdout.write(JSON.stringify(run(Number(process.argv[2]), Number(process.argv[3]))))
