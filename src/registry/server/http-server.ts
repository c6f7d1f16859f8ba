import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { messageOf } from '../../core/errors.ts'
import { AUTHORITY_HEADER, HMAC_HEADER, METHODS, type MethodName } from '../../core/rpc/methods.ts'
import { parseTarget } from '../../core/rpc/request-target.ts'
import { answerHmac, decodeHmac } from '../../core/rpc/session.ts'
import { TokenBucket } from '../../core/token-bucket.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import type { Authorities } from '../authorities.ts'
import type { Discovery } from '../discovery.ts'
import type { Handlers } from '../methods.ts'
import { Refusal } from '../refusal.ts'
import type { Sessions } from '../sessions.ts'
import { type Answer, refused, send, turnedAway } from './answer.ts'
import { CallQueue, type Lane, QueueFull } from './call-queue.ts'
import { type CallOrigin, originOf, plainAddress, type Trust } from './caller.ts'
import { type CallEnd, ConnectionCalls } from './connection-calls.ts'
import { Connections } from './connections.ts'
import { Handshakes } from './handshakes.ts'
import { httpsUrlOf } from './https-url.ts'
import { LIMITS, MAX_BODY_LENGTH, RETRY_AFTER_SECONDS, type ServerLimits } from './limits.ts'
import { type MeasuredState, Metrics } from './metrics.ts'
import { ReadingTurns } from './reading-turns.ts'
import { Sources } from './sources.ts'
import { isStatusPage, StatusPages } from './status-pages.ts'
import type { TlsCredentials } from './tls-credentials.ts'

/** What the servers of a registry need. */
export interface ServerComponents {
  readonly handlers: Handlers
  /** Throws what keeps the registry from serving. */
  readonly checkReady: () => Promise<void>
  readonly certificates: () => Promise<number>
  /** What is measured beside what the servers know themselves. */
  readonly measured: Pick<MeasuredState, 'ending' | 'authorityEndMs' | 'databaseBytes' | 'nowMs' | 'standby'>
  /** Nodes, for Prometheus. */
  readonly discovery: Discovery
  readonly sessions: Sessions
  /** Hears which certificate of the authority a node has. */
  readonly authorities: Pick<Authorities, 'heard'>
  readonly log: Logger
  readonly clock: Pick<Clock, 'monotonicMs' | 'after'>
  readonly trust: Trust
  /** Undefined: without TLS. */
  readonly tls: TlsSettings | undefined
  /** Where a test must not wait for the real ones. */
  readonly limits?: Partial<ServerLimits>
}

/** TLS of a registry. */
export interface TlsSettings {
  readonly credentials: TlsCredentials
  /** Whether administrators may show a certificate. */
  readonly asksForCertificate: boolean
  /** Where browsers find it that ask without TLS. */
  readonly port: () => number
}

/** What may be called where. */
export type Listener = 'everything' | 'nothing private'
/** What is spoken there. */
export type Transport = 'http' | 'https'

/** What it costs to answer: nothing to speak of, a computation, or somebody else's answer. */
const COST: Readonly<Record<MethodName, 'nothing' | 'computing' | 'asking'>> = {
  hello: 'computing',
  getCa: 'nothing',
  requestToken: 'asking',
  requestCertificate: 'computing',
  renewCertificate: 'computing',
  getDh: 'nothing',
  getNetworkConfig: 'computing',
  getCountry: 'nothing',
  getBootstrapPeer: 'asking',
  isToken: 'nothing',
  addToken: 'nothing',
  deleteToken: 'nothing',
  revoke: 'computing',
  updateHMAC: 'computing',
  getNodePrefix: 'nothing',
  getIPv6Address: 'nothing',
  getIPv4Information: 'asking',
  versions: 'asking',
  topology: 'asking',
}

const JSON_METHODS: ReadonlySet<string> = new Set<MethodName>(['versions', 'topology'])

/** How much of what a client calls itself is logged. */
const MAX_AGENT_LENGTH = 100

/** A connection that is read. */
interface Connection {
  /** Address of the other end, as long as it is open; undefined for a Unix socket. */
  readonly peer: string | undefined
  readonly calls: ConnectionCalls
}

/**
 * The HTTP servers of one registry, which share their limits: how many connections and calls there are, of each source and
 * in all, and in which order they are served.
 */
export class HttpServers implements Disposable {
  readonly #components: ServerComponents
  readonly #limits: ServerLimits
  readonly #sources: Sources
  readonly #connections: Connections
  readonly #turns: ReadingTurns
  readonly #turnedAway: TokenBucket
  readonly #queues: Readonly<Record<'computing' | 'asking', CallQueue>>
  readonly #failures: LogLimit
  readonly #metrics: Metrics
  readonly #pages: StatusPages
  readonly #handshakes: Handshakes | undefined

  constructor(components: ServerComponents) {
    this.#components = components
    this.#limits = { ...LIMITS, ...components.limits }
    this.#sources = new Sources(this.#limits)
    this.#connections = new Connections(this.#limits)
    this.#turns = new ReadingTurns(
      { clock: components.clock, isStranger: (source) => !this.#sources.isKnown(source) },
      this.#limits,
    )
    const { turnedAwayPerSecond, handshakeTimeoutMs, handshakes } = this.#limits
    this.#handshakes =
      components.tls &&
      new Handshakes({
        ...components.tls,
        clock: components.clock,
        timeoutMs: handshakeTimeoutMs,
        turns: new ReadingTurns(
          { clock: components.clock, isStranger: (source) => !this.#sources.isKnown(source) },
          handshakes,
        ),
      })
    this.#turnedAway = new TokenBucket(turnedAwayPerSecond, turnedAwayPerSecond)
    this.#queues = {
      computing: new CallQueue(this.#limits.computing),
      asking: new CallQueue(this.#limits.asking),
    }
    this.#failures = new LogLimit(components.clock)
    const { tls } = components
    this.#metrics = new Metrics({
      ...components.measured,
      tlsEndMs: tls && (() => tls.credentials.notAfterMs),
      certificates: components.certificates,
      connections: () => this.#connections.count,
      unread: () => this.#turns.waiting + (this.#handshakes?.pending ?? 0),
      waitingCalls: () => ({
        computing: this.#queues.computing.waiting,
        asking: this.#queues.asking.waiting,
      }),
    })
    this.#pages = new StatusPages({ ...components, metrics: this.#metrics })
  }

  /** A node was asked something by UDP. */
  asked(isAnswered: boolean): void {
    this.#metrics.asked(isAnswered)
  }

  /** Cuts off connections on which nothing can be asked yet: their servers can then be closed. */
  [Symbol.dispose](): void {
    this.#handshakes?.[Symbol.dispose]()
  }

  /** A server that is not listening yet. */
  create(listener: Listener, transport: Transport = 'http'): Server {
    const limits = this.#limits
    const connections = new WeakMap<Socket, Connection>()
    const server = createServer(
      {
        maxHeaderSize: limits.maxHeaderLength,
        headersTimeout: limits.requestTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        connectionsCheckingInterval: limits.connectionCheckMs,
        keepAliveTimeout: limits.keepAliveMs,
        // HTTP/1.1 without Host is answered, too: other implementations' clients may not send one.
        requireHostHeader: false,
      },
      (request, response) => {
        // A body is of no use: not waited for, so that it costs nothing.
        request.resume()
        const connection = connections.get(request.socket)
        connection?.calls.add({
          run: (signal) =>
            this.#serve(request, response, { listener, transport, peer: connection.peer }, signal),
          refuse: () => send(response, turnedAway(429), true),
        })
      },
    )
    // Node's own listener, to which only those come that are to be read: what it does for each costs the most.
    const [handOver] = server.listeners('connection')
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      const peer = peerOf(socket)
      // A client that has reset its connection already has no address any more, as if it were a Unix socket's; what it
      // sent could still be read.
      if (peer === undefined && typeof server.address() !== 'string') {
        socket.destroy()
        return
      }
      // Behind a proxy of this machine, or one that was named, are many.
      const { source } = originOf({ headers: {} }, peer, this.#components.trust)
      if (!this.#hasRoomFor(socket, source, transport)) return
      const read = (stream: Socket) => {
        handOver?.call(server, stream)
        connections.set(stream, { peer, calls: this.#callsOf(stream, source, socket) })
      }
      if (transport === 'http') read(socket)
      else this.#handshakes?.secure(socket, source, read)
    })
    return server
  }

  #hasRoomFor(socket: Socket, source: string | undefined, transport: Transport): boolean {
    const nowMs = this.#components.clock.monotonicMs()
    const isHeard = source === undefined || this.#sources.isHeard(source, nowMs)
    if (isHeard && this.#connections.add(socket, source)) return true
    // Before a handshake there is no way to say anything.
    if (transport === 'https') socket.destroy()
    else this.#turnAway(socket, isHeard ? '503 Service Unavailable' : '429 Too Many Requests')
    return false
  }

  /** @param counted the connection below TLS, or the same */
  #callsOf(socket: Socket, source: string | undefined, counted: Socket): ConnectionCalls {
    return new ConnectionCalls(socket, {
      source,
      turns: this.#turns,
      maxWaiting: this.#limits.maxPipelined,
      onBusy: () => this.#connections.isBusy(counted),
      onIdle: () => this.#connections.isIdle(counted, source),
      onFlood: () => {
        if (source !== undefined) this.#sources.ban(source, this.#components.clock.monotonicMs())
      },
      onTurnedAway: () => this.#turnAway(socket, '503 Service Unavailable'),
    })
  }

  /** Answers without reading, which is what costs; when there are very many, they are not even answered. */
  #turnAway(socket: Socket, status: string): void {
    if (!this.#turnedAway.take(this.#components.clock.monotonicMs())) {
      socket.destroy()
      return
    }
    // It may be gone.
    socket.on('error', () => {})
    socket.end(
      `HTTP/1.1 ${status}\r\nRetry-After: ${RETRY_AFTER_SECONDS}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    )
    socket.destroySoon()
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    { listener, transport, peer }: CalledOn,
    signal: AbortSignal,
  ): Promise<CallEnd> {
    const { log, clock, trust } = this.#components
    const begunMs = clock.monotonicMs()
    const { socket } = request
    const origin = originOf(request, peer, trust, socket instanceof TLSSocket && socket.authorized)
    const [path = ''] = (request.url ?? '').split('?')
    let answer: Answer
    try {
      answer =
        request.method !== 'GET'
          ? { status: 501 }
          : isBodyTooLong(request)
            ? { status: 413 }
            : (this.#redirection(request, transport) ?? (await this.#call(request, origin, listener, signal)))
    } catch (error) {
      if (signal.aborted) return 'answered' // nobody is there to hear it
      if (error instanceof Refusal) {
        log.debug({ method: path, status: error.status, reason: error.message }, 'call refused')
        answer = refused(error)
      } else {
        this.#failures.write(path, (omitted) =>
          log.error({ method: path, err: error, ...omitted }, `call failed: ${messageOf(error)}`),
        )
        answer = { status: 500 }
      }
    }
    const ms = clock.monotonicMs() - begunMs
    const name = nameOf(path)
    this.#metrics.called(Object.hasOwn(METHODS, name) ? name : 'other', answer.status, ms)
    log.trace(
      {
        method: path,
        caller: origin.address,
        version: request.headers['user-agent']?.slice(0, MAX_AGENT_LENGTH),
        status: answer.status,
        ms: Math.round(ms),
      },
      'call',
    )
    send(response, answer, answer.status === 413)
    return answer.headers?.['Retry-After'] === undefined ? 'answered' : 'later'
  }

  /** A browser that asks for a page without TLS. Nodes follow no redirection: what they ask for is answered where they ask. */
  #redirection(request: IncomingMessage, transport: Transport): Answer | undefined {
    const { tls } = this.#components
    const name = nameOf(request.url ?? '')
    if (!tls || transport === 'https' || isStatusPage(name) || Object.hasOwn(METHODS, name)) return undefined
    const location = httpsUrlOf(request, tls.port())
    return location === undefined ? undefined : { status: 308, headers: { Location: location } }
  }

  async #call(
    request: IncomingMessage,
    origin: CallOrigin,
    listener: Listener,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { sessions, authorities, clock } = this.#components
    const target = request.url ?? ''
    // The origin is checked first: others learn nothing about a private method.
    const name = nameOf(target)
    const access = isStatusPage(name)
      ? 'private'
      : Object.hasOwn(METHODS, name)
        ? METHODS[name as MethodName].access
        : undefined
    const notOperator =
      listener === 'everything' ? origin.notOperator : 'private methods have another listener'
    const isOperator = access === 'private' && notOperator === undefined
    if (origin.source !== undefined && !isOperator) {
      const charged = this.#sources.charge(origin.source, clock.monotonicMs())
      if (charged !== 'ok')
        throw new Refusal(
          charged === 'source' ? 429 : 503,
          `too many calls, of ${charged === 'source' ? origin.source : 'strangers'}`,
        )
    }
    if (access === 'private' && notOperator !== undefined) throw new Refusal(403, notOperator)
    if (isStatusPage(name)) return this.#pages.answer(name, target)

    const parsed = parseTarget(target)
    if (!parsed.ok) throw new Refusal(400, parsed.reason)
    const { method, parameters } = parsed.value
    const secret =
      access === 'authenticated' ? await authenticate(sessions, request, parameters['cn'] ?? '') : undefined
    if (secret && origin.source !== undefined) this.#sources.know(origin.source)
    const authority = secret && request.headers[AUTHORITY_HEADER.toLowerCase()]
    if (typeof authority === 'string') authorities.heard(parameters['cn'] ?? '', authority)
    const answer = await this.#answerTo(method, parameters, origin, signal).catch((error: unknown) => {
      // A node that is told to come back later goes on with its session: a busy registry need not answer another hello.
      if (secret && error instanceof Refusal && (error.status === 429 || error.status === 503))
        return refused(error)
      throw error
    })
    if (!secret) return answer
    const hmac = answerHmac(secret, answer.body ?? Buffer.alloc(0)).toString('base64')
    return { ...answer, headers: { ...answer.headers, [HMAC_HEADER]: hmac } }
  }

  async #answerTo(
    method: MethodName,
    parameters: Readonly<Record<string, string>>,
    origin: CallOrigin,
    signal: AbortSignal,
  ): Promise<Answer> {
    const cost = COST[method]
    const lane = this.#laneOf(METHODS[method].access, origin)
    using _ = cost === 'nothing' ? undefined : await enter(this.#queues[cost], lane, origin, signal)
    const result = await this.#components.handlers[method](parameters, origin)
    const body = result === undefined ? Buffer.alloc(0) : Buffer.from(result)
    return {
      status: body.length > 0 ? 200 : 204,
      body,
      headers: {
        'Content-Type': JSON_METHODS.has(method)
          ? 'application/json'
          : typeof result === 'string'
            ? 'text/plain; charset=utf-8'
            : 'application/octet-stream',
      },
    }
  }

  #laneOf(access: 'public' | 'authenticated' | 'private', { source }: CallOrigin): Lane {
    if (access === 'private') return 'operator'
    if (access === 'authenticated') return 'node'
    return source === undefined || this.#sources.isKnown(source) ? 'known' : 'stranger'
  }
}

/** Where a call has come in. */
interface CalledOn {
  readonly listener: Listener
  readonly transport: Transport
  readonly peer: string | undefined
}

/** What is asked for, with however many slashes. */
const nameOf = (target: string): string => target.split('?')[0]?.replace(/^\/+/, '') ?? ''

/** @returns the secret for the answer @throws Refusal for a call that is not the node's */
async function authenticate(sessions: Sessions, request: IncomingMessage, prefix: string): Promise<Buffer> {
  const given = request.headers[HMAC_HEADER.toLowerCase()]
  if (typeof given !== 'string') throw new Refusal(400, `the header ${HMAC_HEADER} is missing`)
  const hmac = decodeHmac(given)
  if (!hmac.ok) throw new Refusal(400, hmac.reason)
  const authentication = await sessions.authenticate(prefix, request.url ?? '', hmac.value)
  switch (authentication.kind) {
    case 'no-session':
      throw new Refusal(401, 'the node has no session')
    case 'wrong-hmac':
      throw new Refusal(400, 'the HMAC is wrong')
    case 'authentic':
      return authentication.secret
  }
}

async function enter(
  queue: CallQueue,
  lane: Lane,
  { source }: CallOrigin,
  signal: AbortSignal,
): Promise<Disposable> {
  try {
    return await queue.enter({ lane, source, signal })
  } catch (error) {
    if (error instanceof QueueFull) throw new Refusal(error.by === 'source' ? 429 : 503, error.message)
    throw error
  }
}

/** The plain address of the other end; undefined for a Unix socket, and for a connection that is gone. */
const peerOf = ({ remoteAddress }: Socket): string | undefined =>
  remoteAddress === undefined ? undefined : plainAddress(remoteAddress)

/** Also one whose length is not said: it may never end. */
const isBodyTooLong = ({ headers }: IncomingMessage): boolean =>
  'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > MAX_BODY_LENGTH
