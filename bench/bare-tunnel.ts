import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Lab } from '../lab/lab.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import type { ProcessEnd } from '../src/platform/processes.ts'

/** A tunnel of OpenVPN without us. */
export interface BareTunnel {
  readonly protocol: 'tcp' | 'udp'
  readonly encrypt: boolean
  /** Its interface at both ends. */
  readonly iface: string
  readonly port: number
  /** Unix socket of who is at its management interface; it has none when it is not said. */
  readonly manager?: string
}

const DEADLINE_MS = 60_000

/**
 * Someone at the management interfaces of OpenVPNs who wants nothing of them.
 * @param socket where they connect
 */
export async function idleManager(socket: string): Promise<Disposable> {
  const server = createServer((connection) => connection.on('error', () => {}).resume())
  server.listen(socket)
  await once(server, 'listening')
  return { [Symbol.dispose]: () => void server.close() }
}

const succeeded = ({ end }: { readonly end: ProcessEnd }): boolean =>
  end.kind === 'exited' && end.status === 0

/**
 * Makes a tunnel from one node's machine to another's with the same options as ours, as far as they touch a packet, and
 * without routing.
 *
 * @returns the server's address in it
 */
export async function startBareTunnel(
  lab: Lab,
  server: Re6stNode,
  client: Re6stNode,
  tunnel: BareTunnel,
): Promise<string> {
  const { protocol, iface } = tunnel
  const addresses = { server: `fd00:${tunnel.port}::1`, client: `fd00:${tunnel.port}::2` }
  const proto = (role: string) => (protocol === 'tcp' ? `tcp4-${role}` : 'udp4')
  server.machine.start(
    [
      ...[...commonArguments(server, tunnel), '--mode', 'server', '--tls-server'],
      ...['--proto', proto('server'), '--port', String(tunnel.port)],
    ],
    { name: iface },
  )
  client.machine.start(
    [
      ...[...commonArguments(client, tunnel), '--client', '--proto', proto('client'), '--nobind'],
      ...['--remote', server.machine.addresses.ipv4 ?? '', String(tunnel.port)],
    ],
    { name: iface },
  )
  for (const [machine, address, own] of [
    [server.machine, addresses.server, `re6stnet-${protocol}`],
    [client.machine, addresses.client, 're6stnet1'],
  ] as const) {
    const [link] = await machine.ip('link', 'show', own)
    await lab.waitFor(async () => succeeded(await machine.capture('ip', 'link', 'set', iface, 'up')), {
      what: `the tunnel ${iface}`,
      deadlineMs: DEADLINE_MS,
    })
    await machine.run('ip', 'link', 'set', iface, 'mtu', String(link?.['mtu'] ?? 1500))
    await machine.run('ip', '-6', 'addr', 'add', `${address}/64`, 'dev', iface, 'nodad')
  }
  await lab.waitFor(
    async () => succeeded(await client.machine.capture('ping', '-6', '-c1', '-W1', addresses.server)),
    { what: `packets through ${iface}`, deadlineMs: DEADLINE_MS },
  )
  return addresses.server
}

function commonArguments(node: Re6stNode, { protocol, encrypt, iface, manager }: BareTunnel): string[] {
  const cipher = encrypt ? 'AES-256-GCM' : 'none'
  return [
    ...['openvpn', '--dev-type', 'tap', '--dev', iface, '--dh', 'none', '--ping', '1'],
    ...['--data-ciphers', cipher, '--data-ciphers-fallback', cipher],
    ...(encrypt ? [] : ['--reneg-bytes', '0']),
    ...['--ca', `${node.configurationDirectory}/ca.crt`, '--cert', node.certificateFile],
    ...['--key', `${node.configurationDirectory}/cert.key`],
    ...(manager === undefined ? [] : ['--management', manager, 'unix', '--management-client']),
    ...(protocol === 'tcp' ? ['--socket-flags', 'TCP_NODELAY'] : []),
  ]
}
