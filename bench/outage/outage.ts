import { type Lab, withLab } from '../../lab/lab.ts'
import { PingMonitor } from '../../lab/pings.ts'
import { Re6stNetwork } from '../../lab/re6st-network.ts'
import type { Re6stNode } from '../../lab/re6st-node.ts'
import { type Random, shuffled } from '../../src/core/random.ts'
import { seededRandom } from '../../test/support/random.ts'
import type { BenchOptions } from '../options.ts'
import { ANNOUNCED_FAULTS, type Fault, type PrepareFault, SILENT_FAULTS } from './faults.ts'
import { howNoticed } from './noticed.ts'
import { pathOf } from './paths.ts'

/** One fault, and how long packets between two nodes did not flow. */
export interface Outage {
  readonly kind: string
  readonly where: string
  readonly seconds: number
  readonly noticed: string
}

/** Faults of two sorts in one network. */
export interface OutageResult {
  readonly router: string
  readonly helloSeconds: number
  readonly seed: number
  readonly silent: readonly Outage[]
  readonly announced: readonly Outage[]
}

const NODES = 12
/** So few that some paths lead over other nodes. */
const TUNNELS_EACH = 3
const HELLO_SECONDS = 15
const SILENT = 50
const ANNOUNCED = 15
/** babeld takes a minute for each. */
const WITH_BABELD = 5
const DEADLINE_MS = 300_000
const PING_MS = 10
/** Before a fault. */
const STEADY_MS = 500
/** After it: long enough that what follows a change of way is over, too. */
const OVER_MS = 1_500
/** So long without an outage: there is none. */
const NO_OUTAGE_MS = 2_500

/** Random faults on the paths of packets, with our own router and with babeld. */
export async function measureOutages({
  faults = SILENT,
  seed = 1,
  router,
}: BenchOptions): Promise<readonly OutageResult[]> {
  const announced = Math.ceil((faults * ANNOUNCED) / SILENT)
  const counts = {
    re6st: { silent: faults, announced },
    babeld: { silent: Math.min(faults, WITH_BABELD), announced: 0 },
  }
  const results: OutageResult[] = []
  for (const [name, ofRouter] of Object.entries(counts))
    if (router === undefined || router === name) results.push(await measure(name, seed, ofRouter))
  return results
}

function measure(
  router: string,
  seed: number,
  counts: { readonly silent: number; readonly announced: number },
): Promise<OutageResult> {
  return withLab({ name: 'outage' }, async (lab) => {
    const random = seededRandom(seed)
    const registryOn = await lab.host('n0')
    const network = await Re6stNetwork.create(lab, {
      registryOn,
      helloSeconds: HELLO_SECONDS,
      registryOptions: ['--client-count', String(TUNNELS_EACH)],
    })
    const nodeOptions = ['--router', router, '--verbose', '4']
    await network.join(registryOn, { nodeOptions })
    for (let number = 1; number < NODES; number++)
      await network.join(await lab.host(`n${number}`), { nodeOptions })
    const bench = new OutageBench(lab, network, random)
    const silent = await bench.run(SILENT_FAULTS, counts.silent)
    const announced = await bench.run(ANNOUNCED_FAULTS, counts.announced)
    return { router, helloSeconds: HELLO_SECONDS, seed, silent, announced }
  })
}

interface Place {
  readonly from: Re6stNode
  readonly to: Re6stNode
  readonly fault: Fault
  readonly pings: PingMonitor
}

class OutageBench {
  readonly #lab: Lab
  readonly #network: Re6stNetwork
  readonly #random: Random

  constructor(lab: Lab, network: Re6stNetwork, random: Random) {
    this.#lab = lab
    this.#network = network
    this.#random = random
  }

  /** So many faults, as many of each kind, in random order. */
  async run(kinds: Readonly<Record<string, PrepareFault>>, count: number): Promise<Outage[]> {
    const names = Object.keys(kinds)
    const order = shuffled(
      this.#random,
      Array.from({ length: count }, (_, index) => names[index % names.length] ?? ''),
    )
    const outages: Outage[] = []
    for (const kind of order) {
      const prepare = kinds[kind]
      if (!prepare) continue
      const outage = await this.#outage(kind, prepare)
      console.log(
        `${String(outages.length + 1).padStart(3)} ${outage.seconds.toFixed(2)} s  ${kind}: ${outage.where} (${outage.noticed})`,
      )
      outages.push(outage)
    }
    return outages
  }

  async #outage(kind: string, prepare: PrepareFault): Promise<Outage> {
    await this.#network.allPairsPing({ deadlineMs: DEADLINE_MS })
    const { from, to, fault, pings } = await this.#lab.waitFor(() => this.#choose(prepare), {
      what: `a place for: ${kind}`,
      deadlineMs: DEADLINE_MS,
    })
    pings.reset()
    const startMs = performance.now()
    await fault.happen()
    const wallMs = Date.now()
    const isOver = () => {
      if (pings.series.longestGapMs < 4 * PING_MS) return performance.now() - startMs > NO_OUTAGE_MS
      return performance.now() - startMs > OVER_MS && pings.steadyMs > OVER_MS
    }
    await this.#lab.waitFor(isOver, { what: `packets to flow after: ${kind}`, deadlineMs: DEADLINE_MS })
    const { received, sent, longestGapMs } = await pings.stop()
    await fault.undo()
    return {
      kind,
      where: `${from.name} to ${to.name}: ${fault.where}`,
      seconds: sent === received ? 0 : longestGapMs / 1000,
      noticed: howNoticed(fault.witnesses, wallMs),
    }
  }

  /** Two nodes with steady pings, at random, and a fault on the path that these take now. */
  async #choose(prepare: PrepareFault): Promise<Place | undefined> {
    const { nodes } = this.#network
    const [from, to] = shuffled(this.#random, nodes.slice(1))
    if (!from || !to || !(await this.#prepare(prepare, from, to))) return undefined
    const pings = new PingMonitor(from.machine, to.address, PING_MS)
    await this.#lab.waitFor(() => pings.steadyMs > STEADY_MS, {
      what: `steady pings from ${from.name} to ${to.name}`,
      deadlineMs: DEADLINE_MS,
    })
    // The way may have changed since.
    const fault = await this.#prepare(prepare, from, to)
    if (fault) return { from, to, fault, pings }
    await pings.stop()
    return undefined
  }

  async #prepare(prepare: PrepareFault, from: Re6stNode, to: Re6stNode): Promise<Fault | undefined> {
    const { nodes } = this.#network
    const path = await pathOf(from, to, nodes)
    return path && prepare({ lab: this.#lab, path, spared: nodes[0], random: this.#random })
  }
}
