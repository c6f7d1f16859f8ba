import { type Lab, withLab } from '../lab/lab.ts'
import type { Machine } from '../lab/machine.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { waitFor } from '../lab/wait-for.ts'
import type { ProcessEnd } from '../src/platform/processes.ts'

/** A stream through a tunnel of ours, and through a tunnel of the same OpenVPN without us, by turns. */
export interface ThroughputResult {
  readonly what: string
  /** A TCP stream. */
  readonly stream: Comparison
  /** UDP that arrives, however much is sent. */
  readonly datagrams: Comparison
}

/** Mbit/s, medians; the ratio is the median of the ratios of two that were measured one after the other. */
export interface Comparison {
  readonly ours: number
  readonly bare: number
  readonly ratio: number
}

/** What arrives of a UDP stream. */
export interface UdpStream {
  readonly mbits: number
  readonly packetsPerSecond: number
}

const ROUNDS = 9
const SECONDS = 2
const DEADLINE_MS = 60_000
const BARE_PORT = 1999
const BARE = { server: 'fd00:b::1', client: 'fd00:b::2' } as const

/** With the headers of UDP and IPv6, what every tunnel takes. */
const FULL_DATAGRAM_BYTES = 1280 - 48

/** TCP and UDP streams over each kind of tunnel. */
export async function measureThroughput(): Promise<ThroughputResult[]> {
  const results: ThroughputResult[] = []
  for (const protocol of ['tcp', 'udp'] as const)
    for (const encrypt of [false, true]) results.push(await measureTunnel(protocol, encrypt))
  return results
}

function measureTunnel(protocol: 'tcp' | 'udp', encrypt: boolean): Promise<ThroughputResult> {
  return withLab({ name: 'throughput' }, async (lab) => {
    const registryOn = await lab.host('server')
    const registryOptions = encrypt ? ['--encrypt'] : []
    const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds: 1, registryOptions })
    const other = protocol === 'tcp' ? 'udp' : 'tcp'
    const nodeOptions = ['--disable-proto', other, '--pp', '1194', protocol]
    const server = await network.join(registryOn, { nodeOptions })
    const client = await network.join(await lab.host('client'), { nodeOptions })
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    await startBareTunnel(lab, server, client, protocol, encrypt)
    startIperfServer(server.machine)
    const tunnels = [
      { which: 'ours', address: server.address },
      { which: 'bare', address: BARE.server },
    ] as const
    const streams: Pair[] = []
    const datagrams: Pair[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const [stream, datagram]: [Pair, Pair] = [
        { ours: 0, bare: 0 },
        { ours: 0, bare: 0 },
      ]
      // Whatever comes second has an advantage, or not: by turns.
      for (const { which, address } of round % 2 === 0 ? tunnels : tunnels.toReversed()) {
        stream[which] = await streamMbits(client.machine, address)
        datagram[which] = (await udpStream(client.machine, address, FULL_DATAGRAM_BYTES)).mbits
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

interface Pair {
  ours: number
  bare: number
}

const comparison = (pairs: readonly Pair[]): Comparison => ({
  ours: median(pairs.map(({ ours }) => ours)),
  bare: median(pairs.map(({ bare }) => bare)),
  ratio: median(pairs.map(({ ours, bare }) => ours / bare)),
})

const succeeded = ({ end }: { readonly end: ProcessEnd }): boolean =>
  end.kind === 'exited' && end.status === 0

/** The same options as ours, as far as they touch a packet; no management, no routing. */
async function startBareTunnel(
  lab: Lab,
  server: Re6stNode,
  client: Re6stNode,
  protocol: 'tcp' | 'udp',
  encrypt: boolean,
): Promise<void> {
  const ciphers = encrypt
    ? ['--data-ciphers', 'AES-256-GCM', '--data-ciphers-fallback', 'AES-256-GCM']
    : ['--data-ciphers', 'none', '--data-ciphers-fallback', 'none', '--reneg-bytes', '0']
  const common = (node: Re6stNode) => [
    ...['openvpn', '--dev-type', 'tap', '--dev', 'bare', '--dh', 'none', '--ping', '1', ...ciphers],
    ...['--ca', `${node.configurationDirectory}/ca.crt`, '--cert', node.certificateFile],
    ...['--key', `${node.configurationDirectory}/cert.key`],
    ...(protocol === 'tcp' ? ['--socket-flags', 'TCP_NODELAY'] : []),
  ]
  const proto = protocol === 'tcp' ? { server: 'tcp4-server', client: 'tcp4-client' } : undefined
  server.machine.start(
    [
      ...[...common(server), '--mode', 'server', '--tls-server'],
      ...['--proto', proto?.server ?? 'udp4', '--port', String(BARE_PORT)],
    ],
    { name: 'bare openvpn' },
  )
  client.machine.start(
    [
      ...[...common(client), '--client', '--proto', proto?.client ?? 'udp4', '--nobind'],
      ...['--remote', server.machine.addresses.ipv4 ?? '', String(BARE_PORT)],
    ],
    { name: 'bare openvpn' },
  )
  for (const [machine, address, own] of [
    [server.machine, BARE.server, `re6stnet-${protocol}`],
    [client.machine, BARE.client, 're6stnet1'],
  ] as const) {
    const [link] = await machine.ip('link', 'show', own)
    await lab.waitFor(async () => succeeded(await machine.capture('ip', 'link', 'set', 'bare', 'up')), {
      what: 'the bare tunnel',
      deadlineMs: DEADLINE_MS,
    })
    await machine.run('ip', 'link', 'set', 'bare', 'mtu', String(link?.['mtu'] ?? 1500))
    await machine.run('ip', '-6', 'addr', 'add', `${address}/64`, 'dev', 'bare', 'nodad')
  }
  await lab.waitFor(
    async () => succeeded(await client.machine.capture('ping', '-6', '-c1', '-W1', BARE.server)),
    { what: 'packets through the bare tunnel', deadlineMs: DEADLINE_MS },
  )
}

/** Waits for streams on a machine. */
export const startIperfServer = (machine: Machine): void =>
  void machine.start(['iperf3', '--server', '--forceflush'], { name: 'iperf3' })

interface IperfReport {
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number }
    /** Of UDP: what was sent, and how much of it the server missed. */
    readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number }
  }
}

function iperf(from: Machine, to: string, ...options: string[]): Promise<IperfReport> {
  return waitFor(
    async () => {
      const { stdout } = await from.capture('iperf3', '-6', '-J', '-t', String(SECONDS), '-c', to, ...options)
      const report = JSON.parse(stdout) as IperfReport & { readonly error?: string }
      if (report.error !== undefined) throw new Error(report.error) // it is busy for a moment after each stream
      return report
    },
    { what: `a stream to ${to}`, deadlineMs: DEADLINE_MS },
  )
}

const streamMbits = async (from: Machine, to: string): Promise<number> =>
  (await iperf(from, to)).end.sum_received.bits_per_second / 1e6

/** Sends as many UDP packets as it can. @param bytes of payload of each */
export async function udpStream(from: Machine, to: string, bytes: number): Promise<UdpStream> {
  const {
    packets,
    lost_packets: lost,
    seconds,
  } = (await iperf(from, to, '-u', '-b', '0', '-l', String(bytes))).end.sum
  const packetsPerSecond = (packets - lost) / seconds
  return { packetsPerSecond, mbits: (packetsPerSecond * bytes * 8) / 1e6 }
}

export const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
