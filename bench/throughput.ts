import { join } from 'node:path'
import { type Lab, withLab } from '../lab/lab.ts'
import type { Machine } from '../lab/machine.ts'
import { fineCpuSeconds, pidsOf } from '../lab/process-cost.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import { withoutAutogroups } from './autogroup.ts'
import { idleManager, startBareTunnel } from './bare-tunnel.ts'
import { type Stream, startIperfServer, tcpStream, udpStream } from './iperf.ts'
import { geometricMean, median, type RatioWithBounds, ratioWithBounds } from './statistics.ts'

/** Streams through a tunnel of ours, and at the same time through tunnels of the same OpenVPN without us. */
export interface ThroughputResult {
  readonly what: string
  /** A TCP stream. */
  readonly stream: Comparison
  /** UDP that arrives of half as much again as TCP brought. */
  readonly datagrams: Comparison
}

/** Medians of Mbit/s while all share the processors, and ratios of what was measured at the same time. */
export interface Comparison {
  readonly ours: number
  readonly bare: number
  readonly speed: Ratios
  /** Of the bits for a second of processor time, of both OpenVPNs and both ends of the stream together. */
  readonly economy: Ratios
}

export interface Ratios {
  /** To OpenVPN with the same options. */
  readonly toBare: RatioWithBounds
  /** To OpenVPN with these but for the management interface. */
  readonly toUnmanaged: RatioWithBounds
}

const TUNNELS = ['ours', 'bare', 'unmanaged'] as const
type Tunnel = (typeof TUNNELS)[number]

/** Of one stream: Mbit in a second, and for a second of processor time. */
interface Rate {
  readonly speed: number
  readonly economy: number
}
/** Of streams at the same time. */
type Rates = Readonly<Record<Tunnel, Rate>>

/** How many are measured: an OpenVPN is quicker than its like by up to a tenth, for as long as it lives. */
export const NETWORKS = 40
/** Who begins first has some per cent more: each has its turn, and each comes after each other one as often. */
const ORDERS: readonly (readonly (readonly Tunnel[])[])[] = [TUNNELS, [...TUNNELS].reverse()].map((tunnels) =>
  tunnels.map((_, first) => [...tunnels.slice(first), ...tunnels.slice(0, first)]),
)
/** UDP is sent faster than TCP was, or its sender takes the processor for what never arrives. */
const UDP_SURPLUS = 1.5
const SECONDS = 1
const DEADLINE_MS = 60_000
const BARE_PORTS = { bare: 1999, unmanaged: 1998 } as const
/** Others for each kind of stream: an iperf3 is busy for a moment after each, and the streams are to begin together. */
const IPERF_PORTS: Readonly<Record<'tcp' | 'udp', Readonly<Record<Tunnel, number>>>> = {
  tcp: { ours: 5201, bare: 5202, unmanaged: 5203 },
  udp: { ours: 5211, bare: 5212, unmanaged: 5213 },
}

/** With the headers of UDP and IPv6, what every tunnel takes. */
const FULL_DATAGRAM_BYTES = 1280 - 48

/** One for each machine: where the scheduler puts four processes makes more difference than anything else. */
const PROCESSOR = { server: 0, client: 1 } as const

/** TCP and UDP streams over each kind of tunnel. */
export async function measureThroughput(): Promise<ThroughputResult[]> {
  using _ = withoutAutogroups()
  const results: ThroughputResult[] = []
  for (const protocol of ['tcp', 'udp'] as const)
    for (const encrypt of [false, true]) {
      const networks: NetworkRates[] = []
      while (networks.length < NETWORKS)
        networks.push(await measureNetwork(protocol, encrypt, ORDERS[networks.length % ORDERS.length] ?? []))
      results.push({
        what: `${protocol}, ${encrypt ? 'encrypted' : 'not encrypted'}`,
        stream: comparison(networks.map(({ streams }) => streams)),
        datagrams: comparison(networks.map(({ datagrams }) => datagrams)),
      })
    }
  return results
}

/** What the tunnels of one network carried, round by round. */
interface NetworkRates {
  readonly streams: readonly Rates[]
  readonly datagrams: readonly Rates[]
}

function measureNetwork(
  protocol: 'tcp' | 'udp',
  encrypt: boolean,
  orders: readonly (readonly Tunnel[])[],
): Promise<NetworkRates> {
  return withLab({ name: 'throughput' }, async (lab: Lab) => {
    const registryOn = await lab.host('server')
    const registryOptions = encrypt ? ['--encrypt'] : []
    const network = await Re6stNetwork.create(lab, { registryOn, registryOptions })
    const other = protocol === 'tcp' ? 'udp' : 'tcp'
    const nodeOptions = ['--disable-proto', other, '--pp', '1194', protocol]
    const server = await network.join(registryOn, { nodeOptions })
    const client = await network.join(await lab.host('client'), { nodeOptions })
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    const manager = join(lab.directory, 'manager.sock')
    using _ = await idleManager(manager)
    const bareTunnel = (iface: keyof typeof BARE_PORTS) =>
      startBareTunnel(lab, server, client, {
        ...{ protocol, encrypt, iface, port: BARE_PORTS[iface] },
        ...(iface === 'bare' ? { manager } : {}),
      })
    const addresses: Record<Tunnel, string> = {
      ours: server.address,
      bare: await bareTunnel('bare'),
      unmanaged: await bareTunnel('unmanaged'),
    }
    const ends = (ifaces: { server: string; client: string }) =>
      Promise.all([openvpnOf(server.machine, ifaces.server), openvpnOf(client.machine, ifaces.client)])
    const openvpns: Record<Tunnel, readonly number[]> = {
      ours: await ends({ server: `re6stnet-${protocol}`, client: 're6stnet1' }),
      bare: await ends({ server: 'bare', client: 'bare' }),
      unmanaged: await ends({ server: 'unmanaged', client: 'unmanaged' }),
    }
    for (const port of Object.values(IPERF_PORTS).flatMap(Object.values<number>))
      startIperfServer(server.machine, port)
    await pin(server.machine, PROCESSOR.server)
    await pin(client.machine, PROCESSOR.client)
    /** Through all tunnels at the same time. */
    const together = async (
      order: readonly Tunnel[],
      ports: Readonly<Record<Tunnel, number>>,
      stream: typeof tcpStream,
    ): Promise<Rates> => {
      const rates = await Promise.all(
        order.map(async (tunnel) => {
          const [address, port] = [addresses[tunnel], ports[tunnel]]
          const to = { address, port, seconds: SECONDS, processor: PROCESSOR.client }
          return [tunnel, await rateOf(openvpns[tunnel], () => stream(client.machine, to))] as const
        }),
      )
      return Object.fromEntries(rates) as Record<Tunnel, Rate>
    }
    const streams: Rates[] = []
    const datagrams: Rates[] = []
    for (const order of orders) {
      const rates = await together(order, IPERF_PORTS.tcp, tcpStream)
      streams.push(rates)
      const mbits = UDP_SURPLUS * Math.max(...order.map((tunnel) => rates[tunnel].speed))
      datagrams.push(
        await together(order, IPERF_PORTS.udp, (from, to) =>
          udpStream(from, { ...to, mbits }, FULL_DATAGRAM_BYTES),
        ),
      )
    }
    return { streams, datagrams }
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

/** @param networks what the tunnels of each carried, round by round */
const comparison = (networks: readonly (readonly Rates[])[]): Comparison => {
  const medianOf = (tunnel: Tunnel) => median(networks.flat().map((rates) => rates[tunnel].speed))
  const ratio = (other: Tunnel, what: keyof Rate) =>
    ratioWithBounds(
      networks.map((rounds) =>
        geometricMean(rounds.map(({ ours, [other]: bare }) => ours[what] / bare[what])),
      ),
    )
  const ratios = (what: keyof Rate): Ratios => ({
    toBare: ratio('bare', what),
    toUnmanaged: ratio('unmanaged', what),
  })
  return {
    ours: medianOf('ours'),
    bare: medianOf('bare'),
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
