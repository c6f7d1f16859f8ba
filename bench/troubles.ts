import type { Lab } from '../lab/lab.ts'
import type { LabProcess } from '../lab/lab-process.ts'
import { pidsOf } from '../lab/process-cost.ts'
import type { Re6stNetwork } from '../lab/re6st-network.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { systemClock } from '../src/platform/clock.ts'
import { startIperfServer, tcpStream, udpStream } from './iperf.ts'

/** Where it happens. */
export interface Scene {
  readonly lab: Lab
  readonly network: Re6stNetwork
  /** Those before the servers of the nodes, if tunnels lead over them. */
  readonly relays: readonly LabProcess[]
  readonly untilMs: number
}

/** How long a stream lasts. */
export const STREAM_SECONDS = 5
const UDP_BYTES = 1_280
const STALL_MS = 200
const STALL_PAUSE_MS = 3_000
/** Of what a delay adds to a round trip. */
export const DELAY_MS = 300
const DELAYED_FOR_MS = 20_000
const UNDELAYED_FOR_MS = 10_000
/** Traffic that makes the kernel look at neighbours. */
const PING_MS = 10

const LOSS = `table inet loss { chain input { type filter hook input priority 0; iifname "eth*" numgen random mod 100 < 5 drop; }; }`

/** Something that is no death of a neighbour. */
export interface Trouble {
  /** As users name it. */
  readonly name: string
  readonly what: string
  readonly happen: (scene: Scene) => Promise<void>
  /** What loads the path between two of the nodes: then it is also cut while it does. */
  readonly load?: StreamOf
  /** Whether its tunnels lead over a relay each. */
  readonly isRelayed?: boolean
}

/** Loads the path to another node. */
export type StreamOf = (
  from: Re6stNode['machine'],
  to: { address: string; seconds: number },
) => Promise<unknown>

const flood: StreamOf = (from, to) => udpStream(from, to, UDP_BYTES)

/** All of them. */
export const TROUBLES: readonly Trouble[] = [
  {
    name: 'stream',
    what: 'a TCP stream, as fast as it can be',
    happen: (scene) => streams(scene, tcpStream),
    load: tcpStream,
  },
  {
    name: 'flood',
    what: 'UDP, as fast as it can be sent',
    happen: (scene) => streams(scene, flood),
    load: flood,
  },
  { name: 'loss', what: '5 % of packets lost at random', happen: lossy },
  { name: 'stall', what: `a machine stopped for ${STALL_MS} ms each 3 s (SIGSTOP)`, happen: stalled },
  {
    name: 'delay',
    what: `round trips of ${DELAY_MS} ms more, from one moment to the next, for 20 s of each 30 s`,
    happen: delayed,
    isRelayed: true,
  },
]

/** Two nodes, of which none is the registry's. */
export const endsOf = ({ network }: Scene): readonly [Re6stNode, Re6stNode] => {
  const [, from, to] = network.nodes
  if (!from || !to) throw new Error('three nodes are needed')
  return [from, to]
}

async function streams(scene: Scene, stream: StreamOf): Promise<void> {
  const [from, to] = endsOf(scene)
  startIperfServer(to.machine)
  while (systemClock.monotonicMs() < scene.untilMs)
    try {
      await stream(from.machine, { address: to.address, seconds: STREAM_SECONDS })
    } catch {
      // The server is busy for a moment after each stream.
      await systemClock.sleep(500)
    }
  for (const process of to.machine.processes) if (process.name === 'iperf3') await process.stop()
}

/** Pings meanwhile. */
async function pinged(scene: Scene, during: () => Promise<void>): Promise<void> {
  const [from, to] = endsOf(scene)
  const ping = from.machine.start(['fping', '-l', '-q', `-p${PING_MS}`, to.address], { name: 'fping' })
  await during()
  await ping.stop()
}

async function lossy(scene: Scene): Promise<void> {
  const { network, untilMs } = scene
  const nft = (node: Re6stNode, ...words: string[]) => node.machine.run('nft', ...words)
  for (const node of network.nodes) await nft(node, LOSS)
  await pinged(scene, () => systemClock.sleep(untilMs - systemClock.monotonicMs()))
  for (const node of network.nodes) await nft(node, 'delete', 'table', 'inet', 'loss')
}

async function delayed(scene: Scene): Promise<void> {
  const switchAll = () => {
    for (const { pid } of scene.relays) if (pid !== undefined) process.kill(pid, 'SIGUSR2')
  }
  await pinged(scene, async () => {
    while (systemClock.monotonicMs() < scene.untilMs) {
      switchAll()
      await systemClock.sleep(DELAYED_FOR_MS)
      switchAll()
      await systemClock.sleep(UNDELAYED_FOR_MS)
    }
  })
}

async function stalled(scene: Scene): Promise<void> {
  const [, to] = endsOf(scene)
  await pinged(scene, async () => {
    while (systemClock.monotonicMs() < scene.untilMs) {
      const pids = await pidsOf(to.machine, /re6stnet|openvpn/)
      for (const pid of pids) process.kill(pid, 'SIGSTOP')
      await systemClock.sleep(STALL_MS)
      for (const pid of pids) process.kill(pid, 'SIGCONT')
      await systemClock.sleep(STALL_PAUSE_MS)
    }
  })
}
