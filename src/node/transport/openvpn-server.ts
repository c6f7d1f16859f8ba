import { messageOf, Re6stError } from '../../core/errors.ts'
import { isDatagram } from '../../core/openvpn/arguments.ts'
import { externalAddressOption, type RemoteEnd, remoteEndOf } from '../../core/openvpn/environment.ts'
import { failureReason, isAboutPeer, isEndOfConnection } from '../../core/openvpn/failure.ts'
import { managementCommand } from '../../core/openvpn/management-command.ts'
import type { Environment } from '../../core/openvpn/management-reader.ts'
import { subnetNameOf } from '../../core/values/prefix.ts'
import { RestartPauses } from '../../platform/back-off.ts'
import { inBackground } from '../../platform/background.ts'
import type { Logger } from '../../platform/log.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import { type OpenvpnContext, type OpenvpnMessage, OpenvpnProcess } from './openvpn-process.ts'
import { createTap, type Tap } from './tap.ts'
import type { Admission, ServerSpec, Traffic, TunnelServer, UnderlayAddress } from './transport.ts'

interface ServedClient extends RemoteEnd {
  /** Its number for our users: OpenVPN begins to count anew when it is restarted. */
  readonly number: number
  /** It was reported as up. */
  up: boolean
  /** Why we end it, if we do. */
  dropReason?: string
}

/** Before a server that crashed is started again. */
const RESTART_PAUSES = { minMs: 500, maxMs: 60_000, ranWellMs: 60_000 }
/** Time for the notes to the clients of a UDP server to be sent. */
const FAREWELL_MS = 100

/** A server, restarted for as long as it is wanted. */
export class OpenvpnServer implements TunnelServer {
  readonly spec: ServerSpec
  readonly traffic = new Map<number, Traffic>()
  readonly #context: OpenvpnContext
  readonly #argumentsFor: (managementSocket: string) => readonly string[]
  readonly #log: Logger
  readonly #logLimit: LogLimit
  readonly #stopping = new AbortController()
  /** Ends a pause before it is started again. */
  #hurry = new AbortController()
  /** Resolves when it has ended for good. */
  readonly ended: Promise<void>
  readonly #listening = deferred()
  /** By the number that OpenVPN gave them. */
  readonly #clients = new Map<number, ServedClient>()
  #process: OpenvpnProcess
  #hasListened = false
  #nextNumber = 1
  #stop: Promise<void> | undefined

  /** Starts it. @param argumentsFor the command line, given the path of the management socket */
  constructor(
    context: OpenvpnContext,
    spec: ServerSpec,
    argumentsFor: (managementSocket: string) => readonly string[],
  ) {
    this.#context = context
    this.spec = spec
    this.#argumentsFor = argumentsFor
    this.#log = context.log.child({ iface: spec.iface })
    this.#logLimit = new LogLimit(context.clock)
    this.#listening.promise.catch(() => {}) // whoever is interested awaits listening()
    this.#process = this.#start()
    this.ended = this.#supervise()
  }

  /** Resolves when it listens for the first time. @throws Re6stError if it cannot */
  listening(): Promise<void> {
    return this.#listening.promise
  }

  dropClient(client: number, reason: string): void {
    for (const [cid, served] of this.#clients) {
      if (served.number !== client) continue
      this.#process.tell(managementCommand.killClient(cid, reason))
      // Over UDP, OpenVPN keeps it for five seconds more, though it has told it.
      this.#forget(cid, served, reason)
      return
    }
  }

  retryNow(): void {
    this.#hurry.abort()
    this.#hurry = new AbortController()
  }

  stop(): Promise<void> {
    this.#stop ??= this.#end()
    return this.#stop
  }

  async #end(): Promise<void> {
    this.#stopping.abort()
    this.#listening.reject(new Re6stError('DAEMON', `${this.spec.iface}: stopped`))
    if (isDatagram(this.spec.protocol) && this.#clients.size > 0) {
      // Clients over TCP see the connection end; these would wait for silence.
      for (const cid of this.#clients.keys()) this.#process.tell(managementCommand.killClient(cid))
      await this.#context.clock.sleep(FAREWELL_MS)
    }
    await this.#process.stop()
    await this.ended
  }

  #start(): OpenvpnProcess {
    const tap = createTap(this.#context, this.spec.iface)
    const process: OpenvpnProcess = new OpenvpnProcess(this.#context, {
      iface: this.spec.iface,
      argumentsFor: this.#argumentsFor,
      onMessage: (message) => this.#onMessage(process, tap, message),
      onLog: (text) => this.#onLog(text),
    })
    return process
  }

  async #supervise(): Promise<void> {
    const pauses = new RestartPauses(this.#context.clock, RESTART_PAUSES)
    for (;;) {
      const reason = await this.#process.ended
      this.#forgetClients(reason)
      if (this.#stopping.signal.aborted) return
      if (!this.#hasListened) {
        this.#listening.reject(startError(this.spec, reason))
        return
      }
      pauses.ended()
      this.#log.warn({ reason, pauseMs: pauses.pauseMs }, 'server ended, will be restarted')
      this.spec.onEvent({ kind: 'failed', reason })
      await pauses.wait(AbortSignal.any([this.#stopping.signal, this.#hurry.signal]))
      if (this.#stopping.signal.aborted) return
      this.#process = this.#start()
    }
  }

  /** Over UDP, OpenVPN keeps a client that has said goodbye for five seconds, should that not have been its last word. */
  #onLog(text: string): void {
    if (!isEndOfConnection(text)) return
    const found = [...this.#clients].filter(([, client]) =>
      isAboutPeer(text, logNameOf(client), client.underlay.port),
    )
    const [[cid, client] = []] = found
    // Of two with one address, the line may not tell which it is.
    if (cid === undefined || client === undefined || found.length > 1) return
    this.#forget(cid, client, failureReason([text]) ?? 'the connection ended')
  }

  #onMessage(process: OpenvpnProcess, tap: Tap, message: OpenvpnMessage): void {
    switch (message.kind) {
      case 'hold':
        process.tell(managementCommand.holdRelease)
        break
      case 'state':
        if (message.state === 'CONNECTED')
          inBackground(this.#log, 'starting a server', this.#becomeReady(process, tap))
        break
      case 'client-connect':
        for (const command of this.#answerConnect(message.cid, message.kid, message.environment))
          process.tell(command)
        break
      case 'client-reauth':
        process.tell(this.#answerReauth(message.cid, message.kid))
        break
      case 'client-established':
        this.#onEstablished(message.cid)
        break
      case 'client-disconnect':
        this.#onDisconnect(process, message.cid)
        break
      case 'client-traffic': {
        const { cid, receivedBytes, sentBytes } = message
        const client = this.#clients.get(cid)
        if (client?.up) this.traffic.set(client.number, { receivedBytes, sentBytes })
        break
      }
      case 'client-address':
        this.#onAddress(message.cid, message.underlay)
        break
      case 'traffic':
      case 'up':
      case 'down':
        break
    }
  }

  async #becomeReady(process: OpenvpnProcess, tap: Tap): Promise<void> {
    // Over TCP, another address is another connection.
    process.expectAnswers(isDatagram(this.spec.protocol) ? managementCommand.clientAddresses : undefined)
    try {
      await tap.raise(this.spec.protocol)
    } catch (error) {
      await process.failToRaise(messageOf(error))
      return
    }
    if (process !== this.#process || this.#stopping.signal.aborted) return
    this.#hasListened = true
    this.#listening.resolve()
    this.spec.onEvent({ kind: 'listening' })
  }

  #answerConnect(cid: number, kid: number, environment: Environment): string[] {
    const end = remoteEndOf(environment)
    if (!end.ok) return [this.#denial(cid, kid, end.reason)]
    const admission = this.#admit(end.value)
    if (!admission.admit) return [this.#denial(cid, kid, admission.reason, end.value)]
    this.#clients.set(cid, { number: this.#nextNumber++, up: false, ...end.value })
    const pushed = [
      externalAddressOption(end.value.underlay.address),
      // So that clients that do not do it by themselves say goodbye, too.
      ...(isDatagram(this.spec.protocol) ? ['explicit-exit-notify 1'] : []),
    ]
    // A client that is too old to be woken comes up a second later.
    return [managementCommand.admitClient(cid, kid, pushed), managementCommand.wakeClient(cid, kid)]
  }

  /** Keys are renegotiated. OpenVPN sees to it that the certificate is the same one. */
  #answerReauth(cid: number, kid: number): string {
    const client = this.#clients.get(cid)
    if (!client) return this.#denial(cid, kid, 'unknown client')
    const admission = this.#admit(client)
    if (admission.admit) return managementCommand.readmitClient(cid, kid)
    client.dropReason ??= admission.reason
    return this.#denial(cid, kid, admission.reason, client)
  }

  #onEstablished(cid: number): void {
    const client = this.#clients.get(cid)
    if (!client || client.up) return
    client.up = true
    const { number, peer, underlay } = client
    this.traffic.set(number, { receivedBytes: 0, sentBytes: 0 })
    this.spec.onEvent({ kind: 'client-up', client: number, peer, underlay })
  }

  /** OpenVPN follows a client over UDP whose address changes, behind a NAT say, without a word to either side. */
  #onAddress(cid: number, underlay: UnderlayAddress): void {
    const client = this.#clients.get(cid)
    if (!client || (client.underlay.address === underlay.address && client.underlay.port === underlay.port))
      return
    const moved = { ...client, underlay }
    this.#clients.set(cid, moved)
    if (client.up)
      this.spec.onEvent({ kind: 'client-moved', client: client.number, peer: client.peer, underlay })
  }

  #onDisconnect(process: OpenvpnProcess, cid: number): void {
    const client = this.#clients.get(cid)
    if (!client) return
    this.#forget(cid, client, process.reasonAbout(logNameOf(client)) ?? 'the connection ended')
  }

  /** One that is refused dials again, every second or so. */
  #denial(cid: number, kid: number, reason: string, end?: RemoteEnd): string {
    const peer = end && subnetNameOf(end.peer.prefix)
    this.#logLimit.write(`${peer} ${reason}`, (omitted) =>
      this.#log.info({ peer, underlay: end?.underlay.address, reason, ...omitted }, 'client refused'),
    )
    return managementCommand.denyClient(cid, kid, reason)
  }

  #admit({ peer, underlay }: RemoteEnd): Admission {
    if (this.#stopping.signal.aborted) return { admit: false, reason: 'the server is being stopped' }
    return this.spec.admit(peer, underlay)
  }

  #forget(cid: number, client: ServedClient, reason: string): void {
    this.#clients.delete(cid)
    this.traffic.delete(client.number)
    if (!client.up) return
    const { number, peer } = client
    this.spec.onEvent({
      kind: 'client-down',
      client: number,
      peer,
      reason: this.#stopping.signal.aborted ? 'the server was stopped' : (client.dropReason ?? reason),
    })
  }

  #forgetClients(reason: string): void {
    for (const [cid, client] of [...this.#clients]) this.#forget(cid, client, reason)
  }
}

/** What lines of the log begin with that are about a client. */
const logNameOf = ({ peer, underlay }: ServedClient): string =>
  `${subnetNameOf(peer.prefix)}/${underlay.address}`

/** A promise to be settled from outside (`Promise.withResolvers` came after Node 20). */
function deferred() {
  let resolve: () => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

function startError(spec: ServerSpec, reason: string): Re6stError {
  if (/^port \d+ is in use/.test(reason))
    return new Re6stError(
      'SYSTEM',
      `port ${spec.port} (${spec.protocol}) is in use: stop what uses it, or choose another port with --pp`,
    )
  const code = /^(?:no \/dev\/net\/tun|the interface|cannot make|cannot listen)/.test(reason)
    ? 'SYSTEM'
    : 'DAEMON'
  return new Re6stError(code, `the server ${spec.iface} cannot be started: ${reason}`)
}
