import { join } from 'node:path'
import { type Lab, withLab } from '../lab/lab.ts'
import type { Machine } from '../lab/machine.ts'
import { fineCpuSeconds, pidsOf } from '../lab/process-cost.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import { withoutAutogroups } from './autogroup.ts'
import { idleManager, startBareTunnel } from './bare-tunnel.ts'
import { type Stream, startIperfServer, tcpStream, udpStream } from './iperf.ts'
import { geometricMean, median, type RatioWithBounds, ratioWithBounds } from './statistics.ts'

/** Streams through tunnels of ours, and at the same time through tunnels of the same OpenVPN without us. */
export interface ThroughputResult {
  /** How many networks were made for each kind of tunnel, and how often the streams were begun in each. */
  readonly networks: number
  readonly rounds: number
  readonly kinds: readonly TunnelKindResult[]
  /** Of all kinds together. */
  readonly all: { readonly speed: Ratios; readonly economy: Ratios }
}

export interface TunnelKindResult {
  readonly what: string
  /** A TCP stream. */
  readonly stream: Comparison
  /** UDP that arrives, of half as much again as TCP brought at the best. */
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
  readonly oursToBare: RatioWithBounds
  /** How much two of those differ from each other: what the method can tell. */
  readonly bareToBare: RatioWithBounds
  /** To OpenVPN without the management interface. */
  readonly oursToUnmanaged: RatioWithBounds
}

const BARE_TUNNELS = ['bare', 'otherBare', 'unmanaged'] as const
const TUNNELS = ['ours', ...BARE_TUNNELS] as const
type BareTunnelName = (typeof BARE_TUNNELS)[number]
type TunnelName = (typeof TUNNELS)[number]

/** Where its server is, and the OpenVPNs of both ends. */
interface MeasuredTunnel {
  readonly name: TunnelName
  readonly address: string
  readonly openvpns: readonly number[]
}

/** Of one stream: Mbit in a second, and for a second of processor time. */
interface Rate {
  readonly speed: number
  readonly economy: number
}
/** Of streams at the same time. */
type Rates = Readonly<Record<TunnelName, Rate>>

/**
 * How many are measured of each kind: an OpenVPN is quicker than its like by up to a tenth, for as long as it lives. An
 * even number: the orders take turns.
 */
const NETWORKS = 20
/** Who begins first has some per cent more: each is first, second and so on, and comes before each other as often as after. */
const ORDERS: readonly (readonly (readonly TunnelName[])[])[] = [TUNNELS, [...TUNNELS].reverse()].map(
  (tunnels) => tunnels.map((_, first) => [...tunnels.slice(first), ...tunnels.slice(0, first)]),
)
/** Of UDP, only this much more is sent than TCP brought: otherwise the sender takes the processor for what never arrives. */
const UDP_SURPLUS = 1.5
const SECONDS = 1
const DEADLINE_MS = 60_000
const BARE_PORTS: Readonly<Record<BareTunnelName, number>> = { bare: 1999, otherBare: 1998, unmanaged: 1997 }
/** Others for each kind of stream: an iperf3 is busy for a moment after each. */
const IPERF_PORTS: Readonly<Record<'tcp' | 'udp', Readonly<Record<TunnelName, number>>>> = {
  tcp: { ours: 5201, bare: 5202, otherBare: 5203, unmanaged: 5204 },
  udp: { ours: 5211, bare: 5212, otherBare: 5213, unmanaged: 5214 },
}

/** With the headers of UDP and IPv6, what every tunnel takes. */
const FULL_DATAGRAM_BYTES = 1280 - 48

/** One for each machine: where the scheduler puts four processes makes more difference than anything else. */
const PROCESSOR = { server: 0, client: 1 } as const

/** TCP and UDP streams over each kind of tunnel. */
export async function measureThroughput(): Promise<ThroughputResult> {
  using _ = withoutAutogroups()
  const kinds: TunnelKindResult[] = []
  const all: NetworkRates[] = []
  for (const protocol of ['tcp', 'udp'] as const)
    for (const encrypt of [false, true]) {
      const networks: NetworkRates[] = []
      while (networks.length < NETWORKS)
        networks.push(await measureNetwork(protocol, encrypt, ORDERS[networks.length % ORDERS.length] ?? []))
      all.push(...networks)
      kinds.push({
        what: `${protocol}, ${encrypt ? 'encrypted' : 'not encrypted'}`,
        stream: comparison(networks.map(({ streams }) => streams)),
        datagrams: comparison(networks.map(({ datagrams }) => datagrams)),
      })
    }
  const rounds = all.map(({ streams, datagrams }) => [...streams, ...datagrams])
  return {
    networks: NETWORKS,
    rounds: TUNNELS.length,
    kinds,
    all: { speed: ratiosOf(rounds, 'speed'), economy: ratiosOf(rounds, 'economy') },
  }
}

/** What the tunnels of one network carried, round by round. */
interface NetworkRates {
  readonly streams: readonly Rates[]
  readonly datagrams: readonly Rates[]
}

function measureNetwork(
  protocol: 'tcp' | 'udp',
  encrypt: boolean,
  orders: readonly (readonly TunnelName[])[],
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
    const tunnels: MeasuredTunnel[] = []
    for (const name of TUNNELS) {
      const isOurs = name === 'ours'
      const address = isOurs
        ? server.address
        : await startBareTunnel(lab, server, client, {
            ...{ protocol, encrypt, iface: name, port: BARE_PORTS[name] },
            ...(name === 'unmanaged' ? {} : { manager }),
          })
      const openvpns = await Promise.all([
        openvpnOf(server.machine, isOurs ? `re6stnet-${protocol}` : name),
        openvpnOf(client.machine, isOurs ? 're6stnet1' : name),
      ])
      tunnels.push({ name, address, openvpns })
    }
    for (const port of Object.values(IPERF_PORTS).flatMap(Object.values<number>))
      startIperfServer(server.machine, port)
    await pin(server.machine, PROCESSOR.server)
    await pin(client.machine, PROCESSOR.client)
    /** Through all tunnels at the same time: if one cannot begin, all begin again. */
    const together = (
      order: readonly TunnelName[],
      ports: Readonly<Record<TunnelName, number>>,
      stream: typeof tcpStream,
    ): Promise<Rates> => {
      const begin = async ({ name, address, openvpns }: MeasuredTunnel) => {
        const to = { address, port: ports[name], seconds: SECONDS, processor: PROCESSOR.client }
        return [name, await rateOf(openvpns, () => stream(client.machine, to))] as const
      }
      const inOrder = order.flatMap((wanted) => tunnels.filter(({ name }) => name === wanted))
      return lab.waitFor(
        async () => {
          const results = await Promise.allSettled(inOrder.map(begin))
          const rates = results.map((result) => {
            if (result.status === 'rejected') throw result.reason
            return result.value
          })
          return Object.fromEntries(rates) as Record<TunnelName, Rate>
        },
        { what: 'streams through all tunnels', deadlineMs: DEADLINE_MS },
      )
    }
    const streams: Rates[] = []
    for (const order of orders) streams.push(await together(order, IPERF_PORTS.tcp, tcpStream))
    // Afterwards: what fills the queue of a tunnel drops babeld's hellos, too, and then our route is gone for a moment.
    const datagrams: Rates[] = []
    const mbits = UDP_SURPLUS * Math.max(...streams.flatMap(Object.values<Rate>).map(({ speed }) => speed))
    for (const order of orders)
      datagrams.push(
        await together(order, IPERF_PORTS.udp, (from, to) =>
          udpStream(from, { ...to, mbits }, FULL_DATAGRAM_BYTES),
        ),
      )
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
  const medianOf = (tunnel: TunnelName) => median(networks.flat().map((rates) => rates[tunnel].speed))
  return {
    ours: medianOf('ours'),
    bare: medianOf('bare'),
    speed: ratiosOf(networks, 'speed'),
    economy: ratiosOf(networks, 'economy'),
  }
}

/** @param networks what the tunnels of each carried, round by round: networks are independent, rounds are not */
function ratiosOf(networks: readonly (readonly Rates[])[], what: keyof Rate): Ratios {
  const ratio = (of: (rates: Rates) => number) =>
    ratioWithBounds(networks.map((rounds) => geometricMean(rounds.map(of))))
  return {
    oursToBare: ratio(
      ({ ours, bare, otherBare }) => ours[what] / geometricMean([bare[what], otherBare[what]]),
    ),
    bareToBare: ratio(({ bare, otherBare }) => otherBare[what] / bare[what]),
    oursToUnmanaged: ratio(({ ours, unmanaged }) => ours[what] / unmanaged[what]),
  }
}

/** Keeps all processes of a machine on one processor. */
const pin = (machine: Machine, processor: number) =>
  machine.run(
    'sh',
    '-c',
    `for pid in $(ip netns pids ${machine.namespace}); do taskset -a -p -c ${processor} $pid || [ ! -e /proc/$pid ]; done`,
  )
