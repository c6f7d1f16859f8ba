import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { codeOf, messageOf, Re6stError } from '../../core/errors.ts'
import { remember } from '../../core/remember.ts'
import type { IncomingMessage, Speaker } from '../../core/session/conversations.ts'
import type { RandomBytes, SessionIdentity } from '../../core/session/handshakes.ts'
import { FORWARDED_FLAG, MESSAGE_CODE, NODE_PORT } from '../../core/session/message-codes.ts'
import { MAX_PEERS } from '../../core/session/peer-table.ts'
import {
  decodeRegistryDatagram,
  encodeRegistryDatagram,
  type RegistryDatagram,
} from '../../core/session/registry-link.ts'
import { type Destination, Sessions } from '../../core/session/sessions.ts'
import { parseWay } from '../../core/session/way.ts'
import type { Prefix } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import { processorMs } from '../../platform/processor-time.ts'
import { IgnoredDatagrams } from './ignored-datagrams.ts'
import { LateAnswers } from './late-answers.ts'

/** Who decides what is answered, to peers and to the registry. */
export interface EndpointHandlers extends Speaker {
  /** Whether the registry is on this machine. */
  isBesideRegistry(): boolean
  /** Answers the registry's question to this node itself; undefined: not at all. */
  answerRegistry(code: number, argument: Uint8Array): Uint8Array | undefined
  /** The registry says that there is a new network version. */
  versionAnnounced(): void
}

/** What the endpoint needs. */
export interface EndpointComponents {
  readonly clock: Clock
  readonly log: Logger
  readonly random: RandomBytes
}

const TICK_MS = 1_000
/** How often what was ignored is reported. */
const REPORT_MS = 60_000
/** From here the registry on this machine speaks to us. */
const LOOPBACK = '::1'
/** What it says and asks: all without any argument but the question for a way, which names the node at its end. */
const REGISTRY_CODES: ReadonlySet<number> = new Set([
  MESSAGE_CODE.networkVersion,
  MESSAGE_CODE.addresses,
  MESSAGE_CODE.nodeInformation,
  MESSAGE_CODE.topology,
  MESSAGE_CODE.way,
])

/** The node's UDP port: runs the sessions with other nodes, and forwards for the registry. */
export class UdpEndpoint implements AsyncDisposable {
  readonly #components: EndpointComponents
  readonly #handlers: EndpointHandlers
  readonly #sessions: Sessions
  readonly #own: () => Prefix
  readonly #socket = createSocket({ type: 'udp6', ipv6Only: true, reuseAddr: false })
  readonly #ignored: IgnoredDatagrams
  readonly #logLimit: LogLimit
  readonly #timers: Disposable[] = []
  /** Where the last request of the registry for each node came from. */
  readonly #askers = new Map<Prefix, Destination>()
  /** The registry's questions for ways that may be understood, by who is asked and for what. */
  readonly #lateWays: LateAnswers
  #isClosed = false

  constructor(components: EndpointComponents, handlers: EndpointHandlers, identity: SessionIdentity) {
    const { clock, log, random } = components
    this.#components = components
    this.#ignored = new IgnoredDatagrams(log, clock)
    this.#logLimit = new LogLimit(clock)
    this.#lateWays = new LateAnswers(clock)
    this.#handlers = handlers
    let current = identity
    this.#own = () => current.certificate.prefix
    this.#sessions = new Sessions(
      identity,
      {
        send: (datagram, to) => this.#send(datagram, to),
        answer: (message) => this.#answer(message),
        greeting: (prefix) => handlers.greeting(prefix),
        acknowledged: (prefix, body) => this.#acknowledged(prefix, body),
        ignored: (reason, source) => this.#ignored.count(reason, source),
      },
      random,
      clock.monotonicMs(),
      () => clock.now(),
      processorMs,
    )
    this.setIdentity = (next) => {
      current = next
      this.#sessions.setIdentity(next)
    }
  }

  /** Our certificate, or the CA, was renewed. */
  readonly setIdentity: (identity: SessionIdentity) => void

  /** Binds the port. @throws Re6stError `SYSTEM` when it is in use */
  async start(port = NODE_PORT): Promise<void> {
    const { clock, log } = this.#components
    this.#socket.bind({ port, address: '::' })
    try {
      await once(this.#socket, 'listening')
    } catch (error) {
      const isUsed = codeOf(error) === 'EADDRINUSE'
      throw new Re6stError(
        'SYSTEM',
        `UDP port ${port} ${isUsed ? 'is in use: is another re6stnet running?' : `cannot be bound: ${messageOf(error)}`}`,
        { cause: error },
      )
    }
    this.#socket.on('error', (error) => log.warn({ reason: messageOf(error) }, 'UDP socket'))
    this.#socket.on('message', (datagram, { address, port: from }) =>
      this.#receiveSafely(datagram, { address, port: from }),
    )
    this.#timers.push(
      clock.every(TICK_MS, () => this.#sessions.tick(clock.monotonicMs())),
      clock.every(REPORT_MS, () => this.#ignored.report()),
    )
  }

  /** Certificates that count no more: their sessions end. @returns whose */
  setRevoked(serials: ReadonlySet<bigint>): Prefix[] {
    return this.#sessions.setRevoked(serials)
  }

  /** Says something to a peer: as soon as there is a session. */
  send(prefix: Prefix, body: Uint8Array): void {
    this.#sessions.send(prefix, body, this.#components.clock.monotonicMs())
  }

  /** Whatever goes wrong with one datagram: a node that ends takes all its tunnels along. */
  #receiveSafely(datagram: Buffer, source: Destination): void {
    try {
      this.#receive(datagram, source)
    } catch (error) {
      this.#logLimit.write('failure', (omitted) =>
        this.#components.log.error(
          { err: error, source: source.address, ...omitted },
          'a datagram cannot be handled',
        ),
      )
    }
  }

  #receive(datagram: Buffer, source: Destination): void {
    if (source.address === LOOPBACK) return this.#receiveFromRegistry(datagram, source)
    this.#sessions.receive(datagram, source, this.#components.clock.monotonicMs())
  }

  #receiveFromRegistry(datagram: Buffer, source: Destination): void {
    const request = decodeRegistryDatagram(datagram)
    if (!request.ok) return this.#ignored.count(request.reason, source.address)
    const { prefix, code, argument } = request.value
    const refusal = this.#refusalOf(request.value)
    if (refusal !== undefined) return this.#ignored.count(refusal, source.address)
    if (prefix !== this.#own()) {
      // Whoever runs on this machine may speak in the registry's place. More can have no session, and so no answer.
      remember(this.#askers, prefix, source, MAX_PEERS)
      return this.send(prefix, Buffer.concat([Buffer.of(code | FORWARDED_FLAG), argument]))
    }
    if (code === 0) return this.#handlers.versionAnnounced()
    const answer = this.#handlers.answerRegistry(code, argument)
    if (answer) this.#send(encodeRegistryDatagram({ prefix, code, argument: answer }), source)
  }

  /** Any user of this machine can send from here: no more than the registry asks, and only where there is one. */
  #refusalOf({ prefix, code, argument }: RegistryDatagram): string | undefined {
    if (!this.#handlers.isBesideRegistry()) return 'from this machine, and the registry is on another'
    const isUnderstood = code === MESSAGE_CODE.way ? isWayQuestion(argument) : argument.length === 0
    if (!REGISTRY_CODES.has(code) || !isUnderstood) return 'nothing that a registry asks'
    if (code === MESSAGE_CODE.networkVersion && prefix !== this.#own())
      return 'a network version that the registry tells to another'
    return undefined
  }

  #answer(message: IncomingMessage): Uint8Array {
    const [first = 0] = message.body
    const asker = this.#askers.get(message.prefix)
    if ((first & FORWARDED_FLAG) === 0 || !asker) return this.#handlers.answer(message)
    // The answer to what we asked for the registry.
    const [code, argument] = [first & ~FORWARDED_FLAG, message.body.subarray(1)]
    if (code === MESSAGE_CODE.way) this.#lateWays.answered(wayKey(message.prefix, argument))
    this.#send(encodeRegistryDatagram({ prefix: message.prefix, code, argument }), asker)
    return new Uint8Array()
  }

  #acknowledged(prefix: Prefix, body: Uint8Array): void {
    this.#handlers.acknowledged(prefix, body)
    const asker = this.#askers.get(prefix)
    // Who asks for a way need not wait for one who does not know the question: it gets it back.
    if (!asker || body[0] !== (MESSAGE_CODE.way | FORWARDED_FLAG)) return
    const question = { prefix, code: MESSAGE_CODE.way, argument: body.subarray(1) }
    this.#lateWays.acknowledged(wayKey(prefix, question.argument), () =>
      this.#send(encodeRegistryDatagram(question), asker),
    )
  }

  #send(datagram: Uint8Array, { address, port = NODE_PORT }: Destination): void {
    // While the node stops, tunnels still come and go.
    if (this.#isClosed) return
    this.#socket.send(datagram, port, address, (error) => {
      if (!error) return
      this.#sessions.unsent(address)
      this.#ignored.count(`cannot be sent: ${codeOf(error) || error.message}`)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers.splice(0)) timer[Symbol.dispose]()
    this.#lateWays[Symbol.dispose]()
    await new Promise<void>((resolve) => {
      try {
        this.#socket.close(() => resolve())
      } catch {
        resolve() // it was never bound
      }
    })
  }
}

const wayOf = (argument: Uint8Array) => parseWay(Buffer.from(argument).toString('latin1'))

const isWayQuestion = (argument: Uint8Array): boolean => wayOf(argument)?.kind === 'question'

/** The same of a question and its answer. */
const wayKey = (prefix: Prefix, argument: Uint8Array): string => `${prefix} ${wayOf(argument)?.target ?? ''}`
