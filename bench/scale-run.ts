import process from 'node:process'
import { Graph } from '../lab/simulation/graph.ts'
import { Simulation } from '../lab/simulation/simulator.ts'
import { shuffled } from '../src/core/random.ts'
import { seededRandom } from '../test/support/random.ts'

/*
 * One simulated network, in a process of its own: what it needs is measured, and given back. The order stands in the
 * argument, as JSON; the outcome is written as JSON.
 */

/** Which network, and what to do with it. */
export interface ScaleOrder {
  readonly nodes: number
  readonly tunnels: number
  readonly natShare: number
  /** Virtual time. */
  readonly minutes: number
  /** From how many nodes distances are measured. */
  readonly sources: number
  /** Shares of the nodes that die, each time in the same network. */
  readonly deaths: readonly number[]
  /** Whether it goes on after the last of these, until all are connected again. */
  readonly heals: boolean
}

/** What was seen. */
export interface ScaleOutcome {
  readonly meanDistance: number
  /** Share of the nodes that are in the largest part. */
  readonly connected: number
  /** For each of the deaths: which share of those that are left is in the largest part, before anybody has noticed. */
  readonly connectedAfter: readonly number[]
  /** Virtual time from the last of the deaths until all that are left are connected. */
  readonly healedSeconds: number | undefined
  readonly seconds: number
  readonly cpuSeconds: number
  readonly memoryMb: number
}

const MINUTE_MS = 60_000
const START_WITHIN_MS = MINUTE_MS
/** What a registry has by default. */
const REFRESH_MS = 5 * MINUTE_MS
const HEALING_STEP_MS = 5_000
const HEALING_DEADLINE_MS = 60 * MINUTE_MS
const SEED = 20261128
/** In small networks, chance decides who is cut off: so many nodes die in all, at least. */
const VICTIMS = 20_000

function run(order: ScaleOrder): ScaleOutcome {
  const { nodes, tunnels, natShare, minutes, sources, deaths } = order
  const random = seededRandom(SEED + nodes + tunnels)
  const network = new Simulation({
    ...{ nodes, natShare, clientCount: tunnels, maxClients: 2 * tunnels },
    ...{ refreshMs: REFRESH_MS, startWithinMs: START_WITHIN_MS, random },
  })
  network.run(minutes * MINUTE_MS)
  const victimsOf = (share: number) => new Set(shuffled(random, network.nodes).slice(0, share * nodes))
  const connectedAfter = deaths.map((share) => {
    const rounds = Math.ceil(VICTIMS / (share * nodes))
    const each = Array.from({ length: rounds }, () => {
      const victims = victimsOf(share)
      return (network.partSizes(victims)[0] ?? 0) / (nodes - victims.size)
    })
    return each.reduce((sum, one) => sum + one, 0) / rounds
  })
  const meanDistance = new Graph(network.nodes).meanDistance(sources, random)
  const connected = (network.partSizes()[0] ?? 0) / nodes
  let healedSeconds: number | undefined
  const share = deaths.at(-1)
  if (order.heals && share !== undefined) {
    // The registry's own node lives: without it, nobody knows whom to send others to.
    const victims = [...victimsOf(share)].filter(({ index }) => index !== 0)
    const diedMs = network.nowMs
    network.kill(victims)
    while (network.partSizes().length > 1 && network.nowMs < diedMs + HEALING_DEADLINE_MS)
      network.run(network.nowMs + HEALING_STEP_MS)
    healedSeconds = network.partSizes().length > 1 ? undefined : (network.nowMs - diedMs) / 1_000
  }
  const { user, system } = process.cpuUsage()
  return {
    ...{ meanDistance, connected, connectedAfter, healedSeconds },
    seconds: performance.now() / 1_000,
    cpuSeconds: (user + system) / 1e6,
    memoryMb: process.resourceUsage().maxRSS / 1024,
  }
}

process.stdout.write(JSON.stringify(run(JSON.parse(process.argv[2] ?? '') as ScaleOrder)))
