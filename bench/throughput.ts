import { type Lab, withLab } from '../lab/lab.ts'
import type { Machine } from '../lab/machine.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { waitFor } from '../lab/wait-for.ts'
import type { ProcessEnd } from '../src/platform/processes.ts'

/** A stream through a tunnel of ours, and through a tunnel of the same OpenVPN without us, by turns. */
export interface ThroughputResult {
  readonly what: string
  /** Mbit/s, median. */
  readonly tunnel: number
  readonly bareTunnel: number
}

const ROUNDS = 5
const SECONDS = 3
const DEADLINE_MS = 60_000
const BARE_PORT = 1999
const BARE = { server: 'fd00:b::1', client: 'fd00:b::2' } as const

/** TCP streams over each kind of tunnel. */
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
    server.machine.start(['iperf3', '--server', '--forceflush'], { name: 'iperf3' })
    const ours: number[] = []
    const bare: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await streamMbits(client.machine, server.address))
      bare.push(await streamMbits(client.machine, BARE.server))
    }
    const what = `${protocol}, ${encrypt ? 'encrypted' : 'not encrypted'}`
    return { what, tunnel: median(ours), bareTunnel: median(bare) }
  })
}

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
    : ['--data-ciphers', 'none', '--data-ciphers-fallback', 'none']
  const common = (node: Re6stNode) => [
    ...['openvpn', '--dev-type', 'tap', '--dev', 'bare', '--dh', 'none', '--ping', '1', ...ciphers],
    ...['--ca', `${node.configurationDirectory}/ca.crt`, '--cert', node.certificateFile],
    ...['--key', `${node.configurationDirectory}/cert.key`],
    ...(protocol === 'tcp' ? ['--socket-flags', 'TCP_NODELAY'] : []),
  ]
  const proto = protocol === 'tcp' ? { server: 'tcp4-server', client: 'tcp4-client' } : undefined
  server.machine.start(
    [...common(server), '--tls-server', '--proto', proto?.server ?? 'udp4', '--port', String(BARE_PORT)],
    { name: 'bare openvpn' },
  )
  client.machine.start(
    [
      ...[...common(client), '--tls-client', '--proto', proto?.client ?? 'udp4', '--nobind'],
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

async function streamMbits(from: Machine, to: string): Promise<number> {
  const stdout = await waitFor(
    async () => {
      const outcome = await from.capture('iperf3', '-6', '-J', '-t', String(SECONDS), '-c', to)
      return succeeded(outcome) && outcome.stdout // the server is busy for a moment after each stream
    },
    { what: `a stream to ${to}`, deadlineMs: DEADLINE_MS },
  )
  const report = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } }
  return report.end.sum_received.bits_per_second / 1e6
}

export const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
