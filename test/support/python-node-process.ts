// Does to the network what a Python node does, in the namespace where it is started: the daemons with the options that
// it starts them with, and all of them, and its sessions, made anew for each new configuration. Prints a line for each.
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type NetworkConfig, readNetworkConfig } from '../../src/core/config/network-config.ts'
import { makeDecryptor } from '../../src/core/crypto/rsa.ts'
import { MESSAGE_CODE, NODE_PORT } from '../../src/core/session/message-codes.ts'
import {
  compareVersions,
  type NetworkVersion,
  numberOfVersion,
  verifyVersion,
} from '../../src/core/values/network-version.ts'
import {
  bitsInside,
  firstAddress,
  networkCidr,
  type Prefix,
  subnetCidr,
  subnetNameOf,
} from '../../src/core/values/prefix.ts'
import { readIdentity } from '../../src/node/identity.ts'
import { type RunningProcess, systemProcesses } from '../../src/platform/processes.ts'
import { RegistryClient } from '../../src/platform/registry-client.ts'
import { PythonClosing } from './python-closing.ts'
import { PythonSessions } from './python-sessions.ts'

/** Who it is, and to whom it makes tunnels. */
export interface PythonNodeOrder {
  readonly ca: string
  readonly cert: string
  readonly key: string
  /** For babeld's files. */
  readonly directory: string
  readonly registryUrl: string
  /** Its own address on the Internet, and the peers that its cache would have. */
  readonly host: string
  readonly peers: readonly { readonly host: string; readonly prefix: Prefix; readonly subnetName: string }[]
}

const PORT = '1194'
const SERVER = 're6stnet-tcp'
/** From the news of a version until the registry is asked. */
const FETCH_DELAY_MS = 1_000
const REDIAL_MS = 1_000
const RETRY_MS = 1_000

const order = JSON.parse(process.argv[2] ?? '') as PythonNodeOrder
const identity = await readIdentity(order, Date.now())
const { authority, certificate, privateKey, address } = identity
const { network, publicKey: caPublicKey } = authority
const decrypt = makeDecryptor(privateKey)
const registry = new RegistryClient(order.registryUrl, { prefix: certificate.prefix, caPublicKey, decrypt })

const cidr = subnetCidr(network, certificate.prefix)
for (const command of [
  ['sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.default.accept_dad=0'],
  ['ip', '-6', 'addr', 'add', `${address}/${lengthOf(cidr)}`, 'dev', 'lo'],
  ['ip', '-6', 'route', 'add', 'unreachable', networkCidr(network)],
])
  execFileSync(command[0] ?? '', command.slice(1))

const ending = new AbortController()
process.once('SIGTERM', () => ending.abort())
for (let config = await fetched(); !ending.signal.aborted; config = await life(config))
  console.log(`begins with version ${numberOf(config.version)}`)

/** From a start to the next. @returns the configuration of the next */
async function life(config: NetworkConfig): Promise<NetworkConfig> {
  const over = new AbortController()
  const isOver = () => over.signal.aborted || ending.signal.aborted
  let newest = config.version
  let next: NetworkConfig | undefined
  const children = new Set<RunningProcess>()
  const start = (command: string, args: readonly string[]) => {
    const child = systemProcesses.start(command, args, {
      dieWithParent: true,
      onLine: (line) => console.log(`${args[3] ?? command}: ${line}`),
    })
    children.add(child)
    void child.ended.then(() => children.delete(child))
    return child
  }
  const closed = new Set<number>()
  const clients = new Map<number, RunningProcess>()
  const dial = async (index: number) => {
    while (!isOver() && !closed.has(index)) {
      const client = start('openvpn', clientArguments(config, index))
      clients.set(index, client)
      await client.ended
      await sleep(REDIAL_MS)
    }
  }
  const daemons = [
    start('openvpn', serverArguments(config)).ended,
    start('babeld', babeldArguments(config)).ended,
    ...order.peers.map((_, index) => dial(index)),
  ]

  const adopt = (version: NetworkVersion) => {
    if (compareVersions(version, newest) <= 0) return
    newest = version
    console.log(`news of version ${numberOf(version)}`)
    setTimeout(() => void fetched().then(take), FETCH_DELAY_MS)
  }
  const take = (found: NetworkConfig) => {
    if (isOver() || compareVersions(found.version, config.version) <= 0) return
    next = found
    over.abort()
  }
  const socket = createSocket({ type: 'udp6', ipv6Only: true })
  const signal = AbortSignal.any([over.signal, ending.signal])
  const closing = new PythonClosing({
    ...{ network, address, serverIface: SERVER, socketPath: `${order.directory}/babeld.sock`, signal },
    helloIntervalMs: config.helloIntervalMs,
    say: (prefix, what) =>
      sessions.say(
        prefix,
        Buffer.of(what === 'close-tunnel' ? MESSAGE_CODE.closeTunnel : MESSAGE_CODE.tunnelDrained),
        Date.now(),
      ),
  })
  const sessions = new PythonSessions(
    identity,
    (datagram, prefix) => socket.send(datagram, NODE_PORT, firstAddress(network, prefix), () => {}),
    (body, prefix) => answerTo(body, prefix, { newest, adopt, closing }),
    Date.now(),
  )
  /** Refreshes its last tunnel: closes it, and makes no other. */
  const refresh = async () => {
    const index = order.peers.length - 1
    const peer = order.peers[index]
    if (!peer) return
    const end = () => {
      closed.add(index)
      return clients.get(index)?.stop() ?? Promise.resolve()
    }
    const isClosed = await closing.close(peer.prefix, tunnelName(index), end)
    console.log(`tunnel to ${peer.subnetName} ${isClosed ? 'closed' : 'kept'}`)
  }
  const onRefresh = () => void refresh()
  process.on('SIGUSR2', onRefresh)
  socket.on('message', (datagram, { address: source }) => {
    const bits = bitsInside(network, source)
    const from = bits.ok ? (bits.value.slice(0, certificate.prefix.length) as Prefix) : undefined
    if (from) sessions.receive(datagram, from, Date.now())
  })
  socket.bind({ port: NODE_PORT, address: '::' })
  await once(socket, 'listening')
  // Those to whom it makes tunnels hear once what it has, if there is a way yet.
  for (const { prefix } of order.peers)
    sessions.say(prefix, Buffer.concat([Buffer.of(0), newest]), Date.now())

  if (!signal.aborted) await once(signal, 'abort')
  process.off('SIGUSR2', onRefresh)
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  for (const child of children) child.signal('SIGTERM')
  await Promise.all(daemons)
  return next ?? config
}

/** As protocol.md, section 6 has it: what a neighbour of it asks. */
function answerTo(
  body: Uint8Array,
  prefix: Prefix,
  {
    newest,
    adopt,
    closing,
  }: {
    readonly newest: NetworkVersion
    readonly adopt: (version: NetworkVersion) => void
    readonly closing: PythonClosing
  },
): Uint8Array {
  const [first = 0, ...rest] = body
  const answered = (argument: Uint8Array) => Buffer.concat([Buffer.of(first), argument])
  switch (first & 0x7f) {
    case MESSAGE_CODE.networkVersion: {
      const version = Buffer.from(rest)
      const compared = compareVersions(version, newest)
      if (compared < 0) return answered(newest)
      if (compared > 0 && verifyVersion(version, caPublicKey).ok) adopt(version)
      return new Uint8Array()
    }
    case MESSAGE_CODE.addresses:
      return rest.length === 0 ? answered(Buffer.from(`${order.host},${PORT},tcp`)) : new Uint8Array()
    case MESSAGE_CODE.closeTunnel:
      console.log(`${subnetNameOf(prefix)} wants to close its tunnel`)
      void closing.peerAsks(prefix)
      return new Uint8Array()
    case MESSAGE_CODE.tunnelDrained:
      closing.peerDrained(prefix)
      return new Uint8Array()
    case MESSAGE_CODE.nodeInformation:
      return answered(Buffer.from('0.581, Linux'))
    default:
      return new Uint8Array()
  }
}

async function fetched(): Promise<NetworkConfig> {
  for (;;) {
    try {
      const config = readNetworkConfig(await registry.getNetworkConfig(), { caPublicKey, decrypt })
      if (config.ok) return config.value
      console.log(config.reason)
    } catch (error) {
      console.log(String(error))
    }
    await sleep(RETRY_MS)
  }
}

function openvpnArguments({ helloIntervalMs }: NetworkConfig, iface: string): readonly string[] {
  return [
    ...['--dev-type', 'tap', '--dev', iface, '--ca', order.ca, '--cert', order.cert, '--key', order.key],
    // The hellos of babeld keep it alive.
    ...['--ping-exit', String((4 * helloIntervalMs) / 1000), '--verb', '1'],
    ...['--script-security', '2', '--up', '/bin/sh -c "ip link set $dev up"'],
  ]
}

function serverArguments(config: NetworkConfig): readonly string[] {
  return [
    ...openvpnArguments(config, SERVER),
    ...['--mode', 'server', '--tls-server', '--proto', 'tcp4-server', '--port', PORT, '--dh', 'none'],
    ...['--max-clients', String(config.maxClients), '--persist-tun'],
  ]
}

function clientArguments(config: NetworkConfig, index: number): readonly string[] {
  const { host = '', subnetName = '' } = order.peers[index] ?? {}
  return [
    ...openvpnArguments(config, tunnelName(index)),
    ...[
      '--client',
      '--nobind',
      '--remote',
      host,
      PORT,
      'tcp4-client',
      '--verify-x509-name',
      subnetName,
      'name',
    ],
    ...['--resolv-retry', '0', '--connect-retry-max', '3', '--remap-usr1', 'SIGTERM', '--tls-exit'],
  ]
}

function babeldArguments({ helloIntervalMs, keys, babelDefault }: NetworkConfig): readonly string[] {
  const hello = String(helloIntervalMs / 1000)
  const key = keys.sign ? ['-C', `key type blake2s128 id sign value ${keys.sign.toString('hex')}`] : []
  return [
    ...['-h', hello, '-H', hello, '-I', '', '-s'],
    ...['-S', `${order.directory}/babeld.state`, '-G', `${order.directory}/babeld.sock`],
    ...['-C', 'redistribute local deny', '-C', `redistribute ip ${cidr} eq ${lengthOf(cidr)}`, ...key],
    ...['-C', `default type tunnel ${babelDefault}${keys.sign ? ' key sign' : ''}`],
    ...['-C', 'redistribute deny', '-C', `install pref-src ${address}`],
    ...[SERVER, ...order.peers.map((_, index) => tunnelName(index))],
  ]
}

function numberOf(version: NetworkVersion): string {
  const number = numberOfVersion(version)
  return number.ok ? String(number.value) : number.reason
}

function tunnelName(index: number): string {
  return `re6stnet${index + 1}`
}

function lengthOf(range: string): string {
  return range.split('/')[1] ?? ''
}
