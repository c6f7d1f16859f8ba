import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { capture, insideNamespace, killAll, runScript } from '../../lab/namespace.ts'
import { waitFor } from '../../lab/wait-for.ts'
import type { CertificateFiles } from '../../src/core/openvpn/arguments.ts'
import type { PeerAddress, TunnelProtocol } from '../../src/core/values/address-list.ts'
import {
  createOpenvpnTransport,
  type OpenvpnTransportOptions,
} from '../../src/node/transport/openvpn-transport.ts'
import type {
  ClientEvent,
  ClientTunnel,
  ServerEvent,
  ServerSpec,
  Transport,
} from '../../src/node/transport/transport.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { type Processes, type RunningProcess, systemProcesses } from '../../src/platform/processes.ts'
import type { Sysctls } from '../../src/platform/sysctls.ts'
import { silentLog } from './silent-log.ts'
import { vectors } from './vectors.ts'

/** Names of certificates in the vectors. */
export type NodeName = 'registry-node' | 'node-a' | 'node-b' | 'node-c' | 'node-d' | 'foreign'

interface Pki {
  readonly ca: string
  readonly keys: Readonly<Record<string, string>>
  readonly cases: readonly { readonly name: string; readonly pem: string }[]
}

/**
 *     a ──────────────── b
 *     192.0.2.1          192.0.2.2
 *     2001:db8:ff::1     2001:db8:ff::2      (nobody has …77)
 *
 * Two namespaces with a cable, certificates, and the transports and processes that a test makes in them.
 */
export interface OpenvpnBench {
  readonly directory: string
  readonly namespaceOf: (side: Side) => string
  readonly files: (name: NodeName) => CertificateFiles
  /** A transport of ours whose processes run in a namespace. */
  transport(side: Side, name: NodeName, options?: Partial<OpenvpnTransportOptions>): BenchTransport
  /** A plain OpenVPN server, once it has its interface and its port. */
  openvpnServer(side: Side, spec: PlainServer, args: readonly string[]): Promise<void>
  /** A plain OpenVPN client. */
  openvpnClient(side: Side, args: readonly string[]): PlainClient
  /** Runs a command in a namespace; its output, whatever its status. */
  run(side: Side, ...command: string[]): Promise<string>
  /** Process ids of what runs in a namespace. */
  pids(side: Side): Promise<number[]>
  /** Ends all that a test started, and checks that nothing is left. */
  clear(): Promise<void>
  remove(): Promise<void>
}

/** The two ends of the cable. */
export type Side = 'a' | 'b'

/** Where a plain OpenVPN serves. */
export interface PlainServer {
  readonly dev: string
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
}

/** A plain OpenVPN client. */
export interface PlainClient extends RunningProcess {
  /** What OpenVPN gave its scripts when it had connected: as a Python node reads what was pushed. Undefined: it has not, yet. */
  environment(): ReadonlyMap<string, string> | undefined
}

/** A transport with the directory in which it makes its sockets. */
export interface BenchTransport {
  readonly transport: Transport
  readonly runDirectory: string
}

/** Underlay address of side a, for a protocol. */
export const addressOfA = (protocol: TunnelProtocol): string =>
  protocol.endsWith('6') ? '2001:db8:ff::1' : '192.0.2.1'

/** Builds the bench. Needs root. */
export async function createBench(): Promise<OpenvpnBench> {
  const directory = mkdtempSync(join(tmpdir(), 'ovt-'))
  const prefix = `ovt${process.pid}`
  const namespaceOf = (side: Side) => `${prefix}${side}`
  const pki = vectors<Pki>('pki.json')
  writeFileSync(join(directory, 'ca.crt'), pki.ca)
  for (const { name, pem } of pki.cases) writeFileSync(join(directory, `${name}.crt`), pem)
  for (const [name, pem] of Object.entries(pki.keys))
    writeFileSync(join(directory, `${name}.key`), pem, { mode: 0o600 })

  for (const side of ['a', 'b'] as const) await systemProcesses.run('ip', ['netns', 'add', namespaceOf(side)])
  await runScript(namespaceOf('a'), [`ip link add up0 type veth peer name up0 netns ${namespaceOf('b')}`])
  for (const [side, host] of [
    ['a', 1],
    ['b', 2],
  ] as const) {
    await runScript(namespaceOf(side), [
      'ip link set lo up',
      'ip link set up0 up',
      `ip addr add 192.0.2.${host}/24 dev up0`,
      `ip addr add 2001:db8:ff::${host}/64 dev up0 nodad`,
    ])
  }

  const transports: BenchTransport[] = []
  const started: RunningProcess[] = []
  const run = async (side: Side, ...command: string[]) => (await capture(namespaceOf(side), command)).stdout
  const pids = async (side: Side) => {
    const { stdout } = await systemProcesses.run('ip', ['netns', 'pids', namespaceOf(side)])
    return stdout.split('\n').filter(Boolean).map(Number)
  }
  const files = (name: NodeName): CertificateFiles => ({
    ca: join(directory, 'ca.crt'),
    cert: join(directory, `${name}.crt`),
    key: join(directory, `${name === 'foreign' ? 'node-c' : name}.key`),
  })

  // Of a client that has connected, OpenVPN runs it.
  const teller = join(directory, 'tell')
  writeFileSync(teller, '#!/bin/sh\nenv >"$1.new" && mv "$1.new" "$1"\n', { mode: 0o755 })
  const openvpn = (side: Side, args: readonly string[]): RunningProcess => {
    const running = systemProcesses.start(...insideNamespace(namespaceOf(side), ['openvpn', ...args]), {})
    started.push(running)
    return running
  }

  return {
    directory,
    namespaceOf,
    files,
    run,
    pids,
    transport(side, name, options = {}) {
      const runDirectory = mkdtempSync(join(directory, 'run-'))
      const transport = createOpenvpnTransport({
        processes: processesIn(namespaceOf(side)),
        sysctls: sysctlsIn(namespaceOf(side)),
        clock: systemClock,
        log: silentLog,
        runDirectory,
        logDirectory: runDirectory,
        files: files(name),
        extraArguments: [],
        ovpnlog: false,
        trafficIntervalMs: 1_000,
        ...options,
      })
      const made = { transport, runDirectory }
      transports.push(made)
      return made
    },
    async openvpnServer(side, { dev, protocol, port }, args) {
      openvpn(side, [
        '--dev',
        dev,
        '--proto',
        protocol === 'tcp' ? 'tcp4-server' : 'udp4',
        '--port',
        String(port),
        ...args,
      ])
      const listing = protocol === 'tcp' ? '-Hltn' : '-Hlun'
      await waitFor(
        async () =>
          (await run(side, 'ss', listing, `sport = :${port}`)) !== '' &&
          (await run(side, 'ip', '-br', 'link', 'show', 'dev', dev)) !== '',
        { what: `the server to have ${dev} and port ${port}`, deadlineMs: 60_000 },
      )
    },
    openvpnClient(side, args) {
      const told = join(mkdtempSync(join(directory, 'client-')), 'environment')
      const running = openvpn(side, [...args, '--script-security', '2', '--route-up', `${teller} ${told}`])
      return {
        ...running,
        environment() {
          if (!existsSync(told)) return undefined
          const lines = readFileSync(told, 'utf8').split('\n').filter(Boolean)
          return new Map(lines.map((line) => [line.split('=', 1)[0] ?? '', line.replace(/^[^=]*=/, '')]))
        },
      }
    },
    async clear() {
      await Promise.all(transports.map(({ transport }) => transport.stop()))
      await Promise.all(started.splice(0).map((running) => running.stop(0)))
      const left: string[] = []
      for (const { runDirectory } of transports.splice(0))
        left.push(...readdirSync(runDirectory).filter((name) => !name.endsWith('.log')))
      for (const side of ['a', 'b'] as const) {
        left.push(
          ...(await run(side, 'ip', '-br', 'link', 'show', 'type', 'tun')).split('\n').filter(Boolean),
        )
        left.push(...(await pids(side)).map((pid) => `process ${pid}`))
        await killAll(namespaceOf(side)) // so that one test that fails is one test that fails
      }
      if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`)
    },
    async remove() {
      for (const side of ['a', 'b'] as const) {
        await killAll(namespaceOf(side))
        await systemProcesses.run('ip', ['netns', 'del', namespaceOf(side)])
      }
      rmSync(directory, { recursive: true })
    },
  }
}

/** Runs everything in a namespace. */
function processesIn(namespace: string): Processes {
  return {
    start: (command, args, options) =>
      systemProcesses.start(...insideNamespace(namespace, [command, ...args]), options),
    run: (command, args, options) =>
      systemProcesses.run(...insideNamespace(namespace, [command, ...args]), options),
  }
}

/** The kernel's settings of a namespace. */
const sysctlsIn = (namespace: string): Sysctls => ({
  async read(path) {
    const { stdout } = await capture(namespace, ['cat', `/proc/sys/${path}`])
    return stdout.trim() === '' ? undefined : stdout.trim()
  },
  async write(path, value) {
    await capture(namespace, ['sysctl', '-qw', `${path}=${value}`])
  },
})

/** Keeps events, and waits for one. */
export class Events<Event extends { readonly kind: string }> {
  readonly all: Event[] = []
  readonly add = (event: Event): void => void this.all.push(event)

  /** The first event of this kind after the first `skip` events of all kinds. */
  async next<Kind extends Event['kind']>(
    kind: Kind,
    { skip = 0, deadlineMs = 60_000 }: { skip?: number; deadlineMs?: number } = {},
  ): Promise<Extract<Event, { kind: Kind }>> {
    const found = () => this.all.slice(skip).find((event) => event.kind === kind)
    await waitFor(found, {
      what: `the event ${kind}`,
      deadlineMs,
      intervalMs: 10,
    }).catch((error: Error) => {
      const seen = this.all.map((event) => `\n  ${inspect(event, { breakLength: Infinity })}`)
      throw new Error(`${error.message}, seen:${seen.join('')}`)
    })
    return found() as Extract<Event, { kind: Kind }>
  }
}

/** A server that lets everybody in, unless told otherwise. */
export async function listen(
  { transport }: BenchTransport,
  spec: Partial<ServerSpec> = {},
): Promise<{
  server: Awaited<ReturnType<Transport['listen']>>
  events: Events<ServerEvent>
}> {
  const events = new Events<ServerEvent>()
  const server = await transport.listen(
    {
      iface: 're6stnet-tcp',
      protocol: 'tcp',
      port: 1194,
      admit: () => ({ admit: true }),
      onEvent: events.add,
      ...spec,
    },
    AbortSignal.timeout(60_000),
  )
  return { server, events }
}

/** A client tunnel to these remotes. */
export function connect(
  { transport }: BenchTransport,
  remotes: readonly PeerAddress[],
  {
    prefix,
    iface = 're6stnet1',
  }: { prefix?: Parameters<Transport['connect']>[0]['prefix']; iface?: string } = {},
): { tunnel: ClientTunnel; events: Events<ClientEvent> } {
  const events = new Events<ClientEvent>()
  return { tunnel: transport.connect({ iface, prefix, remotes, onEvent: events.add }), events }
}

/** The link-local address of an interface. */
export async function linkLocal(bench: OpenvpnBench, side: Side, iface: string): Promise<string> {
  const address = /inet6 (fe80::?[0-9a-f:]+)\/64/.exec(
    await bench.run(side, 'ip', 'addr', 'show', iface),
  )?.[1]
  if (address === undefined) throw new Error(`${iface} has no link-local address`)
  return address
}

/** How many of these pings of side b through a tunnel are answered. */
export async function tunnelPings(
  bench: OpenvpnBench,
  iface: string,
  to: string,
  ...options: string[]
): Promise<number> {
  const output = await bench.run('b', 'ping', '-6', '-c', '1', '-W', '1', ...options, `${to}%${iface}`)
  return Number(/(\d+) received/.exec(output)?.[1] ?? 0)
}

/** A remote of side a. */
export const remoteA = (protocol: TunnelProtocol, port = 1194, host = addressOfA(protocol)): PeerAddress => ({
  host,
  port,
  protocol,
  country: undefined,
})
