import { withLab } from '../lab/lab.ts'
import type { Machine } from '../lab/machine.ts'
import { commandOf, cpuSeconds, memoryMb, pidsOf } from '../lab/process-cost.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { systemClock } from '../src/platform/clock.ts'

/** Seconds, and what a node costs when everything is calm. */
export interface NetworkResult {
  readonly helloSeconds: number
  readonly startSeconds: number
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
    const startMs = await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    const ninth = await network.enrol(await lab.host('ninth'))
    ninth.start()
    const joinMs = await network.allPairsPing({ deadlineMs: DEADLINE_MS })

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
      joinSeconds: joinMs / 1000,
      nodeMb: memoryMb(daemon, 'Pss'),
      nodeAnonymousMb: memoryMb(daemon, 'Anonymous'),
      allMb: pids.reduce((sum, pid) => sum + memoryMb(pid, 'Pss'), 0),
      idleCpuSecondsPerMinute: ((cpuSeconds(pids) - cpuBefore) * 60_000) / IDLE_MS,
    }
  })
}
