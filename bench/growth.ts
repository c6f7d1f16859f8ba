import { withLab } from '../lab/lab.ts'
import { cpuSeconds, pidsOf } from '../lab/process-cost.ts'
import { programOf } from '../lab/programs.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { systemClock } from '../src/platform/clock.ts'
import type { BenchOptions } from './options.ts'
import type { Progress } from './progress.ts'
import { table } from './table.ts'

/** What the node processes of a network cost, the mean of all. */
export interface GrowthResult {
  /** All, the registry's own included: each has a route to each other one. */
  readonly nodes: number
  /** In its table: ways to the others over each of its neighbours, the mean of all nodes. */
  readonly routes?: number
  /** From the start of the first until all pairs ping. */
  readonly formingSeconds: number
  readonly formingCpuSeconds: number
  readonly calmCpuSecondsPerMinute: number
}

const SIZES = [8, 24, 40] as const
const HELLO_SECONDS = 4
/** So many join at once: as many as two processors bear. */
const GROUP = 8
const DEADLINE_MS = 600_000
/** Tunnels are settled after that: of forty nodes, whose tunnels meet full servers, not before. */
const SETTLE_MS = 180_000
const CALM_MS = 60_000

/** Processor time of the node processes of networks of several sizes, while they form and when they are calm. */
export async function measureGrowth(
  { nodes: sizes = SIZES }: BenchOptions,
  { keep }: Progress<readonly GrowthResult[]>,
): Promise<readonly GrowthResult[]> {
  const results: GrowthResult[] = []
  for (const nodes of sizes) {
    results.push(await measureNetworkOf(nodes))
    console.log(results.at(-1))
    keep(results)
  }
  return results
}

function measureNetworkOf(size: number): Promise<GrowthResult> {
  return withLab({ name: `growth${size}` }, async (lab) => {
    const registryOn = await lab.host('n0')
    const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds: HELLO_SECONDS })
    const startMs = performance.now()
    await network.join(registryOn)
    while (network.nodes.length < size) {
      const group = Math.min(GROUP, size - network.nodes.length)
      for (let count = 0; count < group; count++)
        await network.join(await lab.host(`n${network.nodes.length}`))
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      console.log(`${network.nodes.length} of ${size} nodes reach each other`)
    }
    const formingSeconds = (performance.now() - startMs) / 1000
    const processes = (
      await Promise.all(network.nodes.map(({ machine }) => pidsOf(machine, /re6stnet\.js/)))
    ).flat()
    const formingCpuSeconds = cpuSeconds(processes) / size
    await systemClock.sleep(SETTLE_MS)
    const before = cpuSeconds(processes)
    await systemClock.sleep(CALM_MS)
    const calmCpuSecondsPerMinute = ((cpuSeconds(processes) - before) / size) * (60_000 / CALM_MS)
    const tables = await Promise.all(network.nodes.map(routesOf))
    const routes = tables.reduce((sum, count) => sum + count, 0) / size
    return { nodes: size, routes, formingSeconds, formingCpuSeconds, calmCpuSecondsPerMinute }
  })
}

/** How many ways it knows. */
async function routesOf({ machine, runDirectory }: Re6stNode): Promise<number> {
  const { stdout } = await machine.run(...programOf('re6st'), 'routes', '--json', '--run', runDirectory)
  return (JSON.parse(stdout) as readonly unknown[]).length
}

/** That section of the report. */
export const growthReport = (results: readonly GrowthResult[]): string =>
  `Processor time of one node process (of all, the mean; without its openvpn and babeld) in networks of several sizes, hello
${HELLO_SECONDS} s, in which ${GROUP} nodes at a time join: from the start of the first until all pairs ping (most of that time, machines enrol, one
after another), and in a minute of calm. Routes
(RFC 8966, 3.2.6) are those of a node's table, to each other node over each of its neighbours; what a node costs grows no
faster than these when the columns “for a hundred routes” do not grow.

${table(
  [
    'nodes',
    'routes',
    'seconds to form',
    'CPU seconds to form',
    'for a hundred routes',
    'CPU seconds a minute',
    'for a hundred routes',
  ],
  results.map(({ nodes, routes, formingSeconds, formingCpuSeconds, calmCpuSecondsPerMinute }) => [
    String(nodes),
    routes?.toFixed(0) ?? '',
    formingSeconds.toFixed(0),
    formingCpuSeconds.toFixed(2),
    routes === undefined ? '' : ((100 * formingCpuSeconds) / routes).toFixed(2),
    calmCpuSecondsPerMinute.toFixed(2),
    routes === undefined ? '' : ((100 * calmCpuSecondsPerMinute) / routes).toFixed(2),
  ]),
)}`
