import { codeOf, messageOf, Re6stError } from '../../core/errors.ts'
import {
  type CertificateFiles,
  clientArguments,
  isRemoteHost,
  serverArguments,
  type TunnelArguments,
} from '../../core/openvpn/arguments.ts'
import { checkOpenvpnVersion } from '../../core/openvpn/version.ts'
import { type Result, refuse } from '../../core/result.ts'
import { subnetNameOf } from '../../core/values/prefix.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Processes } from '../../platform/processes.ts'
import { procSysctls, type Sysctls } from '../../platform/sysctls.ts'
import { OpenvpnClient } from './openvpn-client.ts'
import type { OpenvpnContext } from './openvpn-process.ts'
import { OpenvpnServer } from './openvpn-server.ts'
import type { ClientSpec, ClientTunnel, Transport, TransportSettings } from './transport.ts'

/** What tunnels are made with. */
export interface OpenvpnTransportOptions {
  readonly processes: Processes
  readonly clock: Clock
  readonly log: Logger
  /** Holds the socket of each process while that is being started. Must exist and be ours alone. */
  readonly runDirectory: string
  readonly logDirectory: string
  readonly files: CertificateFiles
  /** The user's arguments for every OpenVPN process. */
  readonly extraArguments: readonly string[]
  /** Whether each process gets a log of its own. */
  readonly ovpnlog: boolean
  /** How often, at most, traffic counters are brought up to date. @default 10000 */
  readonly trafficIntervalMs?: number
  /** The settings of the kernel of where the processes run. @default this machine's */
  readonly sysctls?: Sysctls
}

/** Until the network's are known. Encrypted tunnels connect to those that would rather not be, too. */
const SETTINGS_BEFORE_CONFIGURE: TransportSettings = {
  encrypt: true,
  helloIntervalMs: 15_000,
  dhFile: undefined,
}
/** A compromise between the counters of `re6st tunnels` and a node that sleeps when nothing happens. */
const TRAFFIC_INTERVAL_MS = 10_000
/** All tunnels wait for it. As long as any short command may take. */
const VERSION_TIMEOUT_MS = 30_000

/** Tunnels made by OpenVPN: one process for each server and for each client tunnel. */
export function createOpenvpnTransport(options: OpenvpnTransportOptions): Transport {
  const { processes, clock, log, runDirectory } = options
  const running = new Set<OpenvpnServer | OpenvpnClient>()
  let settings = SETTINGS_BEFORE_CONFIGURE
  let stopped = false
  let version: Promise<Result<string>> | undefined

  const context: OpenvpnContext = {
    processes,
    sysctls: options.sysctls ?? procSysctls,
    clock,
    log,
    runDirectory,
    logDirectory: options.ovpnlog ? options.logDirectory : undefined,
    trafficIntervalMs: options.trafficIntervalMs ?? TRAFFIC_INTERVAL_MS,
    checkVersion() {
      // One that was missing or too old may be installed meanwhile: only a good answer is kept.
      version ??= askVersion(options)
        .catch((error: unknown) => refuse(messageOf(error)))
        .then((result) => {
          if (!result.ok) version = undefined
          return result
        })
      return version
    },
  }

  // Long before the first tunnel: nothing else waits for it then.
  inBackground(log, 'asking for the version of openvpn', context.checkVersion())

  const argumentsOf = (iface: string, managementSocket: string): TunnelArguments => ({
    iface,
    managementSocket,
    files: options.files,
    encrypt: settings.encrypt,
    helloIntervalMs: settings.helloIntervalMs,
    extraArguments: options.extraArguments,
  })

  const keepUntilEnd = (one: OpenvpnServer | OpenvpnClient) => {
    running.add(one)
    inBackground(
      log,
      `the end of ${one.spec.iface}`,
      one.ended.then(() => running.delete(one)),
    )
  }

  return {
    async listen(spec, signal) {
      signal.throwIfAborted()
      if (stopped) throw new Re6stError('DAEMON', 'the transport was stopped')
      const { iface, protocol, port } = spec
      const { dhFile } = settings
      const common = argumentsOf(iface, '')
      const server = new OpenvpnServer(context, spec, (managementSocket) =>
        serverArguments({ ...common, managementSocket, protocol, port, dhFile }),
      )
      keepUntilEnd(server)
      const abort = () => inBackground(log, `ending ${iface}`, server.stop())
      signal.addEventListener('abort', abort, { once: true })
      try {
        await server.listening()
      } catch (error) {
        await server.stop()
        signal.throwIfAborted()
        throw error
      } finally {
        signal.removeEventListener('abort', abort)
      }
      return server
    },

    connect(spec) {
      const remotes = spec.remotes.filter(({ host }) => isRemoteHost(host))
      if (stopped) return downAtOnce(spec, 'the transport was stopped')
      if (remotes.length === 0) return downAtOnce(spec, 'no usable address')
      const common = argumentsOf(spec.iface, '')
      const peerName = spec.prefix === undefined ? undefined : subnetNameOf(spec.prefix)
      const client = new OpenvpnClient(
        context,
        { ...spec, remotes },
        common.helloIntervalMs,
        (managementSocket) => clientArguments({ ...common, managementSocket, peerName, remotes }),
      )
      keepUntilEnd(client)
      return client
    },

    configure(next) {
      settings = next
    },

    async stop() {
      stopped = true
      await Promise.all([...running].map((one) => one.stop()))
      running.clear()
    },
  }
}

/** A tunnel that cannot even be tried. It is reported later, as everything else is. */
function downAtOnce(spec: ClientSpec, reason: string): ClientTunnel {
  queueMicrotask(() => spec.onEvent({ kind: 'down', reason }))
  return { traffic: { receivedBytes: 0, sentBytes: 0 }, stop: async () => {} }
}

async function askVersion({
  processes,
  clock,
}: Pick<OpenvpnTransportOptions, 'processes' | 'clock'>): Promise<Result<string>> {
  const printed: string[] = []
  const running = processes.start('openvpn', ['--version'], { onLine: (line) => printed.push(line) })
  let isLate = false
  using _ = clock.after(VERSION_TIMEOUT_MS, () => {
    isLate = true
    running.signal('SIGKILL')
  })
  // Its status does not matter: some versions exit with 1 after printing it.
  const end = await running.ended
  if (isLate) return refuse(`openvpn does not say its version within ${VERSION_TIMEOUT_MS / 1000} s`)
  if (end.kind === 'not-started')
    return refuse(
      codeOf(end.error) === 'ENOENT'
        ? 'openvpn is not installed (Debian package: openvpn)'
        : `openvpn cannot be started: ${end.error.message}`,
    )
  return checkOpenvpnVersion(printed.join('\n'))
}
