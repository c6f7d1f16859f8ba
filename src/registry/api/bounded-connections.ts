import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../platform/clock.ts'
import { plainAddress, sourceOf } from '../server/caller.ts'
import { type ConnectionCall, ConnectionCalls } from '../server/connection-calls.ts'
import type { Connections } from '../server/connections.ts'
import type { Handshakes } from '../server/handshakes.ts'
import { RETRY_AFTER_SECONDS } from '../server/limits.ts'
import { ReadingTurns } from '../server/reading-turns.ts'
import type { Sources } from '../server/sources.ts'
import { API_LIMITS } from './limits.ts'

/** What bounds the connections of a server. */
export interface ConnectionBounds {
  /** Those that are open, of all servers that share the limits. */
  readonly connections: Connections
  /** What each source has asked, and where somebody has signed in. */
  readonly sources: Pick<Sources, 'isHeard' | 'isKnown'>
  /** Whether many clients come from this address: a proxy, or this machine. */
  readonly isShared: (address: string) => boolean
  /** Make the connections that the server reads; undefined: it reads what comes. */
  readonly handshakes: Pick<Handshakes, 'secure'> | undefined
  readonly clock: Pick<Clock, 'monotonicMs' | 'after'>
}

/** A connection that the server reads. */
interface Place {
  /** The connection below TLS, or the same. */
  readonly below: Socket
  readonly calls: ConnectionCalls
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Lets a server have as many connections as there may be, of each source and in all: whoever opens them and has not asked
 * the whole of something, or has its answer, makes room. With TLS, that is so already before the handshake. Calls of one
 * connection are answered one after another, those of strangers each source in its turn: the registry's own clients are
 * served by the same processor.
 */
export function boundConnections(
  server: Server,
  { connections, sources, isShared, handshakes, clock }: ConnectionBounds,
): void {
  const places = new WeakMap<Socket, Place>()
  const isStranger = (source: string) => !sources.isKnown(source)
  const turns = new ReadingTurns({ clock, isStranger }, API_LIMITS.reading)
  const handOvers = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const source = sourceOfConnection(socket, server, isShared)
    const isHeard = source === undefined || sources.isHeard(source, clock.monotonicMs())
    if (source === GONE || !isHeard || !connections.add(socket, source)) {
      socket.destroy()
      return
    }
    const read = (stream: Socket) => {
      for (const handOver of handOvers) handOver.call(server, stream)
      const calls = new ConnectionCalls(stream, {
        source,
        turns,
        maxWaiting: API_LIMITS.unansweredOfConnection,
        // Each call says so itself, once all of it has come.
        onBusy: () => {},
        onIdle: () => connections.isIdle(socket, source),
        onFlood: () => {},
        onTurnedAway: () => turnAway(stream),
      })
      places.set(stream, { below: socket, calls })
    }
    if (handshakes) handshakes.secure(socket, source, read)
    else read(socket)
  })
  const answers = server.listeners('request') as Listener[]
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const place = places.get(request.socket)
    // What was read with the one that was too much comes after it.
    if (!place || place.below.destroyed) return
    const { below, calls } = place
    const answer = () => {
      for (const listener of answers) listener.call(server, request, response)
    }
    calls.add(callOf(request, response, { answer, onWhole: () => connections.isBusy(below), below }))
  })
}

const GONE = ''

/** Undefined: it may stand for many. `GONE`: its client has gone already, and nobody can tell who that was. */
function sourceOfConnection(
  { remoteAddress }: Socket,
  server: Server,
  isShared: (address: string) => boolean,
): string | undefined {
  // Of a Unix socket there are no addresses.
  if (remoteAddress === undefined) return typeof server.address() === 'string' ? undefined : GONE
  const address = plainAddress(remoteAddress)
  return isShared(address) ? undefined : sourceOf(address)
}

/**
 * One call: it ends when all of its answer was handed over, whether its client reads it or not.
 * @param onWhole it has come as a whole, and is being worked at: until then, and afterwards, it holds up nobody
 */
function callOf(
  request: IncomingMessage,
  response: ServerResponse,
  {
    answer,
    onWhole,
    below,
  }: { readonly answer: () => void; readonly onWhole: () => void; readonly below: Socket },
): ConnectionCall {
  return {
    hasBody: hasBody(request),
    run: async () => {
      let isAnswered = false
      const answered = new Promise<void>((resolve) => {
        const end = () => {
          isAnswered = true
          resolve()
        }
        response.once('prefinish', end).once('close', end)
      })
      if (hasBody(request))
        request.once('end', () => {
          if (!isAnswered) onWhole()
        })
      else onWhole()
      answer()
      await answered
      return 'answered'
    },
    // Browsers, proxies and programs wait for each answer: whoever does not is none of them.
    refuse: () => below.destroy(),
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0

/** It has waited for its turn for too long, and is not read. */
function turnAway(stream: Socket): void {
  // It may be gone.
  stream.on('error', () => {})
  stream.end(
    `HTTP/1.1 503 Service Unavailable\r\nRetry-After: ${RETRY_AFTER_SECONDS}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
  )
  stream.destroySoon()
}
