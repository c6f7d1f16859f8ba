import { type Lab, withLab } from '../lab/lab.ts'
import type { Machine } from '../lab/machine.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import { startBareTunnel } from './bare-tunnel.ts'
import { startIperfServer, tcpStreamMbits, udpStream } from './iperf.ts'
import { type MedianWithBounds, median, medianWithBounds } from './statistics.ts'

/** Streams through a tunnel of ours, and through two of the same OpenVPN without us, by turns. */
export interface ThroughputResult {
  readonly what: string
  /** A TCP stream. */
  readonly stream: Comparison
  /** UDP that arrives, however much is sent. */
  readonly datagrams: Comparison
}

/** Medians, and ratios of what was measured one after the other. */
export interface Comparison {
  /** Mbit/s. */
  readonly ours: number
  /** Mbit/s. */
  readonly bare: number
  readonly oursToBare: MedianWithBounds
  /** How much two tunnels without us differ from each other: what the method can tell. */
  readonly bareToBare: MedianWithBounds
}

type Tunnel = 'ours' | 'bare' | 'control'
type Rates = Record<Tunnel, number>

const ROUNDS = 30
const SECONDS = 1
const DEADLINE_MS = 60_000
const BARE_PORT = 1999
const CONTROL_PORT = 1998

/** With the headers of UDP and IPv6, what every tunnel takes. */
const FULL_DATAGRAM_BYTES = 1280 - 48

/** One for each machine: where the scheduler puts four processes makes more difference than anything else. */
const PROCESSOR = { server: 0, client: 1 } as const

/** TCP and UDP streams over each kind of tunnel. */
export async function measureThroughput(): Promise<ThroughputResult[]> {
  const results: ThroughputResult[] = []
  for (const protocol of ['tcp', 'udp'] as const)
    for (const encrypt of [false, true]) results.push(await measureTunnel(protocol, encrypt))
  return results
}

function measureTunnel(protocol: 'tcp' | 'udp', encrypt: boolean): Promise<ThroughputResult> {
  return withLab({ name: 'throughput' }, async (lab: Lab) => {
    const registryOn = await lab.host('server')
    const registryOptions = encrypt ? ['--encrypt'] : []
    const network = await Re6stNetwork.create(lab, { registryOn, registryOptions })
    const other = protocol === 'tcp' ? 'udp' : 'tcp'
    const nodeOptions = ['--disable-proto', other, '--pp', '1194', protocol]
    const server = await network.join(registryOn, { nodeOptions })
    const client = await network.join(await lab.host('client'), { nodeOptions })
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    const bareTunnel = (iface: string, port: number) =>
      startBareTunnel(lab, server, client, { protocol, encrypt, iface, port })
    const addresses: Record<Tunnel, string> = {
      ours: server.address,
      bare: await bareTunnel('bare', BARE_PORT),
      control: await bareTunnel('control', CONTROL_PORT),
    }
    startIperfServer(server.machine)
    await pin(server.machine, PROCESSOR.server)
    await pin(client.machine, PROCESSOR.client)
    const streams: Rates[] = []
    const datagrams: Rates[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const stream: Rates = { ours: 0, bare: 0, control: 0 }
      const datagram: Rates = { ...stream }
      for (const tunnel of orderOf(round)) {
        const to = { address: addresses[tunnel], seconds: SECONDS, processor: PROCESSOR.client }
        stream[tunnel] = await tcpStreamMbits(client.machine, to)
        datagram[tunnel] = (await udpStream(client.machine, to, FULL_DATAGRAM_BYTES)).mbits
      }
      streams.push(stream)
      datagrams.push(datagram)
    }
    return {
      what: `${protocol}, ${encrypt ? 'encrypted' : 'not encrypted'}`,
      stream: comparison(streams),
      datagrams: comparison(datagrams),
    }
  })
}

/** Every order of the three as often as any other: whatever comes first has an advantage, or not. */
function orderOf(round: number): Tunnel[] {
  const tunnels: Tunnel[] = ['ours', 'bare', 'control']
  const turned = [...tunnels.slice(round % 3), ...tunnels.slice(0, round % 3)]
  return Math.floor(round / 3) % 2 === 0 ? turned : turned.reverse()
}

const comparison = (rates: readonly Rates[]): Comparison => ({
  ours: median(rates.map(({ ours }) => ours)),
  bare: median(rates.map(({ bare }) => bare)),
  oursToBare: medianWithBounds(rates.map(({ ours, bare }) => ours / bare)),
  bareToBare: medianWithBounds(rates.map(({ control, bare }) => control / bare)),
})

/** Keeps all processes of a machine on one processor. */
const pin = (machine: Machine, processor: number) =>
  machine.run(
    'sh',
    '-c',
    `for pid in $(ip netns pids ${machine.namespace}); do taskset -a -p -c ${processor} $pid || [ ! -e /proc/$pid ]; done`,
  )
