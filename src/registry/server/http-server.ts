import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { TokenBucket } from '../../core/token-bucket.ts'
import { send, turnedAway } from './answer.ts'
import { originOf, plainAddress, sourceOf } from './caller.ts'
import { Calls } from './calls.ts'
import type { Listener, ServerComponents, Transport } from './components.ts'
import { ConnectionCalls } from './connection-calls.ts'
import { Connections } from './connections.ts'
import { certificateServer, Handshakes } from './handshakes.ts'
import { LIMITS, RETRY_AFTER_SECONDS, type ServerLimits } from './limits.ts'
import { Metrics } from './metrics.ts'
import { ReadingTurns } from './reading-turns.ts'
import { Sources } from './sources.ts'
import { StatusPages } from './status-pages.ts'

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
  readonly #metrics: Metrics
  readonly #calls: Calls
  readonly #handshakes: Handshakes | undefined

  constructor(components: ServerComponents) {
    this.#components = components
    this.#limits = { ...LIMITS, ...components.limits }
    this.#sources = new Sources(this.#limits)
    this.#connections = new Connections(this.#limits)
    // Where operators call from, too: they wait for no strangers.
    const operators = new Set([...components.trust.authorizedOrigins].map((origin) => sourceOf(origin)))
    const isStranger = (source: string) => !operators.has(source) && !this.#sources.isKnown(source)
    this.#turns = new ReadingTurns({ clock: components.clock, isStranger }, this.#limits)
    const { turnedAwayPerSecond, handshakeTimeoutMs, handshakes } = this.#limits
    const { tls } = components
    this.#handshakes =
      tls &&
      new Handshakes({
        server: certificateServer(tls.credentials, { ...tls, timeoutMs: handshakeTimeoutMs }),
        clock: components.clock,
        timeoutMs: handshakeTimeoutMs,
        turns: new ReadingTurns({ clock: components.clock, isStranger }, handshakes),
      })
    this.#turnedAway = new TokenBucket(turnedAwayPerSecond, turnedAwayPerSecond)
    this.#metrics = new Metrics({
      ...components.measured,
      ...{ checkReady: components.checkReady, clock: components.clock },
      tlsEndMs: tls && (() => tls.credentials.notAfterMs),
      certificates: components.certificates,
      connections: () => this.#connections.count,
      unread: () => this.#turns.waiting + (this.#handshakes?.pending ?? 0),
      waitingCalls: () => this.#calls.waiting,
    })
    const shared = { sources: this.#sources, metrics: this.#metrics }
    this.#calls = new Calls(
      { ...components, ...shared, pages: new StatusPages({ ...components, metrics: this.#metrics }) },
      this.#limits,
    )
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
            this.#calls.serve(request, response, { listener, transport, peer: connection.peer }, signal),
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
        // Who has shown the certificate of an operator is no stranger.
        if (source !== undefined && stream instanceof TLSSocket && stream.authorized)
          this.#sources.know(source, `operator ${stream.getPeerX509Certificate()?.fingerprint256}`)
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
}

/** The plain address of the other end; undefined for a Unix socket, and for a connection that is gone. */
const peerOf = ({ remoteAddress }: Socket): string | undefined =>
  remoteAddress === undefined ? undefined : plainAddress(remoteAddress)
