import { withLab } from '../lab/lab.ts'
import type { Machine } from '../lab/machine.ts'
import { commandOf, cpuSeconds, memoryMb, pidsOf } from '../lab/process-cost.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { untilAllAnswer } from '../lab/until-all-answer.ts'
import { systemClock } from '../src/platform/clock.ts'
import { median } from './statistics.ts'

/** Seconds, and what a node costs when everything is calm. */
export interface NetworkResult {
  readonly helloSeconds: number
  readonly startSeconds: number
  /** When the parts of a start were done, in ms since it began; the middle one of all nodes. */
  readonly startParts?: Readonly<Record<string, number>>
  readonly joinSeconds: number
  readonly nodeMb: number
  readonly nodeAnonymousMb: number
  readonly allMb: number
  readonly idleCpuSecondsPerMinute: number
}

const NODES = 8
const DEADLINE_MS = 180_000
/** From the join of the last node: tunnels are made and settled until then. */
const SETTLE_MS = 30_000
const IDLE_MS = 60_000

/** Starts a registry and eight nodes, lets a ninth join, and looks at one of them when all is calm. */
export function measureNetwork(helloSeconds: number): Promise<NetworkResult> {
  return withLab({ name: 'bench' }, async (lab) => {
    const machines: Machine[] = []
    for (let number = 0; number < NODES; number++) machines.push(await lab.host(`n${number}`))
    const [registryOn] = machines
    if (!registryOn) throw new Error('no machine')
    const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds })
    const nodes: Re6stNode[] = []
    for (const machine of machines) nodes.push(await network.enrol(machine))
    for (const node of nodes) node.start()
    const startMs = await untilAllAnswer(network.nodes, DEADLINE_MS)
    const startParts = partsOf(nodes.map((node) => node.logLines()))
    const ninth = await network.enrol(await lab.host('ninth'))
    ninth.start()
    const joinMs = await untilAllAnswer(network.nodes, DEADLINE_MS)

    const observed = nodes[1] ?? ninth
    const pids = await pidsOf(observed.machine, /re6stnet|openvpn|babeld/)
    await systemClock.sleep(SETTLE_MS)
    const cpuBefore = cpuSeconds(pids)
    await systemClock.sleep(IDLE_MS)
    const own = observed.daemon?.pid ?? 0
    const daemon = pids.find((pid) => pid === own || commandOf(pid).includes('re6stnet.js')) ?? own
    return {
      helloSeconds,
      startSeconds: startMs / 1000,
      startParts,
      joinSeconds: joinMs / 1000,
      nodeMb: memoryMb(daemon, 'Pss'),
      nodeAnonymousMb: memoryMb(daemon, 'Anonymous'),
      allMb: pids.reduce((sum, pid) => sum + memoryMb(pid, 'Pss'), 0),
      idleCpuSecondsPerMinute: ((cpuSeconds(pids) - cpuBefore) * 60_000) / IDLE_MS,
    }
  })
}

/** @param logs lines of each node */
function partsOf(logs: readonly (readonly string[])[]): Readonly<Record<string, number>> {
  const values = new Map<string, number[]>()
  const add = (part: string, ms: number) => values.set(part, [...(values.get(part) ?? []), ms])
  const timeOf = (line: string) => Date.parse(`${line.slice(0, 23).replace(' ', 'T')}Z`)
  for (const lines of logs) {
    const runs = lines.find((line) => line.includes(' startMs={'))
    const [, json] = / startMs=(\{[^}]*\})/.exec(runs ?? '') ?? []
    if (runs === undefined || json === undefined) continue
    const parts = JSON.parse(json) as { readonly [part: string]: number }
    for (const [part, ms] of Object.entries(parts)) add(part, ms)
    const beganMs = timeOf(runs) - (parts['all'] ?? 0)
    const tunnel = lines.find((line) => / (?:tunnel|client) up /.test(line))
    if (tunnel !== undefined) add('first tunnel', timeOf(tunnel) - beganMs)
  }
  return Object.fromEntries([...values].map(([part, some]) => [part, median(some)]))
}
