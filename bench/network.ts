import { readFileSync } from 'node:fs'
import { withLab } from '../lab/lab.ts'
import type { Machine } from '../lab/machine.ts'
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
const IDLE_MS = 20_000

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
    const pids = await pidsOf(observed.machine)
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

async function pidsOf(machine: Machine): Promise<number[]> {
  const { stdout } = await machine.capture('ip', 'netns', 'pids', machine.namespace)
  return stdout
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0 && /re6stnet|openvpn|babeld/.test(commandOf(pid)))
}

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

function memoryMb(pid: number, what: 'Pss' | 'Anonymous'): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    return Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024
  } catch {
    return 0
  }
}

/** Clock ticks of Linux are hundredths of a second. */
const cpuSeconds = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')
      return sum + (Number(fields[11]) + Number(fields[12])) / 100
    } catch {
      return sum
    }
  }, 0)
