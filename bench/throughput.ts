import { type Lab, withLab } from '../lab/lab.ts'
import type { Machine } from '../lab/machine.ts'
import { fineCpuSeconds, pidsOf } from '../lab/process-cost.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import { startBareTunnel } from './bare-tunnel.ts'
import { type Stream, startIperfServer, tcpStream, udpStream } from './iperf.ts'
import { type MedianWithBounds, median, medianWithBounds } from './statistics.ts'

/** Streams through a tunnel of ours, and at the same time through one of the same OpenVPN without us. */
export interface ThroughputResult {
  readonly what: string
  /** A TCP stream. */
  readonly stream: Comparison
  /** UDP that arrives, however much is sent. */
  readonly datagrams: Comparison
}

/** Medians of Mbit/s while two share the processors, and ratios of what was measured at the same time. */
export interface Comparison {
  readonly ours: number
  readonly bare: number
  readonly speed: Ratios
  /** Of the bits for a second of processor time, of both OpenVPNs and both ends of the stream together. */
  readonly economy: Ratios
}

export interface Ratios {
  readonly oursToBare: MedianWithBounds
  /** How much two tunnels without us differ from each other: what the method can tell. */
  readonly bareToBare: MedianWithBounds
}

type Tunnel = 'ours' | 'bare' | 'control'

/** Of one stream: Mbit in a second, and for a second of processor time. */
interface Rate {
  readonly speed: number
  readonly economy: number
}
/** Two streams at the same time. */
interface Pair {
  readonly other: Rate
  readonly bare: Rate
}
type Pairs = Record<'ours' | 'control', Pair[]>

const ROUNDS = 30
const SECONDS = 1
const DEADLINE_MS = 60_000
const BARE_PORT = 1999
const CONTROL_PORT = 1998
const IPERF_PORTS = [5201, 5202] as const

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
    const ends = (ifaces: { server: string; client: string }) =>
      Promise.all([openvpnOf(server.machine, ifaces.server), openvpnOf(client.machine, ifaces.client)])
    const openvpns: Record<Tunnel, readonly number[]> = {
      ours: await ends({ server: `re6stnet-${protocol}`, client: 're6stnet1' }),
      bare: await ends({ server: 'bare', client: 'bare' }),
      control: await ends({ server: 'control', client: 'control' }),
    }
    for (const port of IPERF_PORTS) startIperfServer(server.machine, port)
    await pin(server.machine, PROCESSOR.server)
    await pin(client.machine, PROCESSOR.client)
    const begin = (tunnel: Tunnel, port: number, stream: typeof tcpStream): Promise<Rate> => {
      const to = { address: addresses[tunnel], port, seconds: SECONDS, processor: PROCESSOR.client }
      return rateOf(openvpns[tunnel], () => stream(client.machine, to))
    }
    /** Through a bare tunnel, and at the same time through the other: one of them begins first. */
    const together = async (other: Tunnel, isFirst: boolean, stream: typeof tcpStream): Promise<Pair> => {
      const [first, second] = await Promise.all([
        begin(isFirst ? other : 'bare', IPERF_PORTS[0], stream),
        begin(isFirst ? 'bare' : other, IPERF_PORTS[1], stream),
      ])
      return isFirst ? { other: first, bare: second } : { other: second, bare: first }
    }
    const fullDatagrams: typeof tcpStream = (from, to) => udpStream(from, to, FULL_DATAGRAM_BYTES)
    const streams: Pairs = { ours: [], control: [] }
    const datagrams: Pairs = { ours: [], control: [] }
    for (let round = 0; round < ROUNDS; round++)
      for (const other of ['ours', 'control'] as const) {
        streams[other].push(await together(other, round % 2 === 0, tcpStream))
        datagrams[other].push(await together(other, round % 2 === 0, fullDatagrams))
      }
    return {
      what: `${protocol}, ${encrypt ? 'encrypted' : 'not encrypted'}`,
      stream: comparison(streams),
      datagrams: comparison(datagrams),
    }
  })
}

async function openvpnOf(machine: Machine, iface: string): Promise<number> {
  const [pid, ...others] = await pidsOf(machine, new RegExp(`^openvpn .*--dev ${iface} `))
  if (pid === undefined || others.length > 0)
    throw new Error(`${machine.name} has not one OpenVPN for ${iface}`)
  return pid
}

/** What a stream brings, and costs together with the OpenVPNs of its tunnel. */
async function rateOf(openvpns: readonly number[], measure: () => Promise<Stream>): Promise<Rate> {
  const before = fineCpuSeconds(openvpns)
  const { mbits, seconds, cpuSeconds } = await measure()
  const cost = fineCpuSeconds(openvpns) - before + cpuSeconds
  return { speed: mbits, economy: (mbits * seconds) / cost }
}

const comparison = ({ ours, control }: Pairs): Comparison => {
  const ratios = (what: keyof Rate): Ratios => {
    const of = (pairs: readonly Pair[]) =>
      medianWithBounds(pairs.map(({ other, bare }) => other[what] / bare[what]))
    return { oursToBare: of(ours), bareToBare: of(control) }
  }
  return {
    ours: median(ours.map(({ other }) => other.speed)),
    bare: median(ours.map(({ bare }) => bare.speed)),
    speed: ratios('speed'),
    economy: ratios('economy'),
  }
}

/** Keeps all processes of a machine on one processor. */
const pin = (machine: Machine, processor: number) =>
  machine.run(
    'sh',
    '-c',
    `for pid in $(ip netns pids ${machine.namespace}); do taskset -a -p -c ${processor} $pid || [ ! -e /proc/$pid ]; done`,
  )
