import { withLab } from '../lab/lab.ts'
import { PingMonitor } from '../lab/pings.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { shuffled } from '../src/core/random.ts'
import { seededRandom } from '../test/support/random.ts'
import type { BenchOptions } from './options.ts'
import { pathOf } from './outage/paths.ts'
import { table } from './table.ts'

/** Packets that were lost by what was done on purpose. */
export interface Leaving {
  readonly what: string
  readonly times: number
  readonly sent: number
  readonly lost: number
}

const HELLO_SECONDS = 15
const PING_MS = 10
const STEADY_MS = 2_000
const DEADLINE_MS = 300_000
/** At most 12 tunnels for 15 pairs: a tunnel is replaced only if there is somebody who is no neighbour yet. */
const CLOSING = { nodes: 6, options: ['--client-count', '2', '--tunnel-refresh', '8'] } as const
const CLOSED = 20
/** So few tunnels that some paths lead over other nodes, so many that there is another way. */
const STOPPING = { nodes: 8, options: ['--client-count', '3'] } as const
const STOPS = 10
/** Draining, and the farewell. */
const STOP_MS = 30_000

/** What is lost of a ping each 10 ms while tunnels in use are replaced, and by the stop of nodes on its way. */
export async function measureLeaving({ seed = 1 }: BenchOptions): Promise<readonly Leaving[]> {
  return [await whileTunnelsClose(), await byStops(seed)]
}

/** The section, as Markdown. */
export const leavingReport = (
  results: readonly Leaving[],
): string => `Packets of a ping each ${PING_MS} ms that are lost by what is done on purpose, at a hello interval of ${HELLO_SECONDS} s. Target: none.

${table(
  ['what', 'times', 'pings', 'lost'],
  results.map(({ what, times, sent, lost }) => [what, String(times), String(sent), String(lost)]),
)}`

const withNetwork = (
  { nodes, options }: { readonly nodes: number; readonly options: readonly string[] },
  measure: (network: Re6stNetwork) => Promise<Leaving>,
): Promise<Leaving> =>
  withLab({ name: 'leaving' }, async (lab) => {
    const registryOn = await lab.host('n0')
    const network = await Re6stNetwork.create(lab, {
      registryOn,
      helloSeconds: HELLO_SECONDS,
      registryOptions: options,
    })
    for (let number = 0; number < nodes; number++)
      await network.join(number === 0 ? registryOn : await lab.host(`n${number}`), {
        nodeOptions: ['--router', 're6st'],
      })
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    return measure(network)
  })

const whileTunnelsClose = (): Promise<Leaving> =>
  withNetwork(CLOSING, async ({ lab, nodes }) => {
    const monitors = nodes.flatMap((from, index) => {
      const to = nodes[(index + 1) % nodes.length]
      return to ? [new PingMonitor(from.machine, to.address, PING_MS)] : []
    })
    await lab.waitFor(() => monitors.every(({ steadyMs }) => steadyMs > STEADY_MS), {
      what: 'steady pings',
      deadlineMs: DEADLINE_MS,
    })
    for (const monitor of monitors) monitor.reset()
    const closed = () =>
      nodes.reduce((sum, node) => sum + (node.log().match(/closing tunnel/g)?.length ?? 0), 0)
    const before = closed()
    await lab.waitFor(() => closed() - before >= CLOSED, {
      what: `${CLOSED} tunnels to be replaced`,
      deadlineMs: 2 * DEADLINE_MS,
    })
    const times = closed() - before
    const series = await Promise.all(monitors.map((monitor) => monitor.stop()))
    const sent = series.reduce((sum, one) => sum + one.sent, 0)
    const received = series.reduce((sum, one) => sum + one.received, 0)
    return { what: 'a tunnel in use is drained and closed', times, sent, lost: sent - received }
  })

const byStops = (seed: number): Promise<Leaving> =>
  withNetwork(STOPPING, async (network) => {
    const random = seededRandom(seed)
    let [times, sent, lost] = [0, 0, 0]
    while (times < STOPS) {
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      const [from, to] = shuffled(random, network.nodes.slice(1))
      const passing = from && to && (await passingBetween(from, to, network.nodes))
      if (!passing) continue
      const monitor = new PingMonitor(from.machine, to.address, PING_MS)
      await network.lab.waitFor(() => monitor.steadyMs > STEADY_MS, {
        what: `steady pings from ${from.name} to ${to.name}`,
        deadlineMs: DEADLINE_MS,
      })
      // The way may have changed since.
      const victim = await passingBetween(from, to, network.nodes)
      if (victim) {
        monitor.reset()
        await victim.stop(STOP_MS)
        await network.lab.waitFor(() => monitor.steadyMs > STEADY_MS, {
          what: `steady pings after the stop of ${victim.name}`,
          deadlineMs: DEADLINE_MS,
        })
      }
      const series = await monitor.stop()
      if (!victim) continue
      victim.start()
      times++
      sent += series.sent
      lost += series.sent - series.received
      console.log(
        `${times} ${victim.name} between ${from.name} and ${to.name}: ${series.sent - series.received} lost`,
      )
    }
    return { what: 'a node on the way is stopped', times, sent, lost }
  })

/** Who passes packets on, if that is anybody but the machine of the registry, whom others would miss. */
async function passingBetween(
  from: Re6stNode,
  to: Re6stNode,
  nodes: readonly Re6stNode[],
): Promise<Re6stNode | undefined> {
  const path = await pathOf(from, to, nodes)
  return path?.slice(1).find((hop) => hop.from.node !== nodes[0])?.from.node
}
