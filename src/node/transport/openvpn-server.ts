import { messageOf, Re6stError } from '../../core/errors.ts'
import { isDatagram } from '../../core/openvpn/arguments.ts'
import { managementCommand } from '../../core/openvpn/management-command.ts'
import { RestartPauses } from '../../platform/back-off.ts'
import { inBackground } from '../../platform/background.ts'
import type { Logger } from '../../platform/log.ts'
import { type OpenvpnContext, type OpenvpnMessage, OpenvpnProcess } from './openvpn-process.ts'
import { ServerClients } from './server-clients.ts'
import { createTap, type Tap } from './tap.ts'
import type { ServerSpec, Traffic, TunnelServer } from './transport.ts'

/** Before a server that crashed is started again. */
const RESTART_PAUSES = { minMs: 500, maxMs: 60_000, ranWellMs: 60_000 }
/** Time for the notes to the clients of a UDP server to be sent. */
const FAREWELL_MS = 100

/** A server, restarted for as long as it is wanted. */
export class OpenvpnServer implements TunnelServer {
  readonly spec: ServerSpec
  readonly #context: OpenvpnContext
  readonly #argumentsFor: (managementSocket: string) => readonly string[]
  readonly #log: Logger
  readonly #stopping = new AbortController()
  /** Ends a pause before it is started again. */
  #hurry = new AbortController()
  /** Resolves when it has ended for good. */
  readonly ended: Promise<void>
  readonly #listening = deferred()
  readonly #clients: ServerClients
  #process: OpenvpnProcess
  #hasListened = false
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
    const { clock } = context
    this.#clients = new ServerClients({ spec, clock, log: this.#log, signal: this.#stopping.signal })
    this.#listening.promise.catch(() => {}) // whoever is interested awaits listening()
    this.#process = this.#start()
    this.ended = this.#supervise()
  }

  /** Resolves when it listens for the first time. @throws Re6stError if it cannot */
  listening(): Promise<void> {
    return this.#listening.promise
  }

  get traffic(): ReadonlyMap<number, Traffic> {
    return this.#clients.traffic
  }

  dropClient(client: number, reason: string): void {
    const command = this.#clients.drop(client, reason)
    if (command !== undefined) this.#process.tell(command)
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
    if (isDatagram(this.spec.protocol) && this.#clients.ids.length > 0) {
      // Clients over TCP see the connection end; these would wait for silence.
      for (const cid of this.#clients.ids) this.#process.tell(managementCommand.killClient(cid))
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
      onLog: (text) => this.#clients.heardInLog(text),
    })
    return process
  }

  async #supervise(): Promise<void> {
    const pauses = new RestartPauses(this.#context.clock, RESTART_PAUSES)
    for (;;) {
      const reason = await this.#process.ended
      this.#clients.forgetAll(reason)
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
        for (const command of this.#clients.connect(message.cid, message.kid, message.environment))
          process.tell(command)
        break
      case 'client-reauth':
        process.tell(this.#clients.renegotiate(message.cid, message.kid))
        break
      case 'client-established':
        this.#clients.established(message.cid)
        break
      case 'client-disconnect':
        this.#clients.disconnected(message.cid, (name) => process.reasonAbout(name))
        break
      case 'client-traffic': {
        const { cid, receivedBytes, sentBytes } = message
        this.#clients.counted(cid, { receivedBytes, sentBytes })
        break
      }
      case 'client-address':
        this.#clients.isAt(message.cid, message.underlay)
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
}

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
