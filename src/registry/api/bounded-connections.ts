import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TokenBuckets } from '../../core/token-buckets.ts'
import type { Clock } from '../../platform/clock.ts'
import { plainAddress, sourceOf } from '../server/caller.ts'
import type { Connections } from '../server/connections.ts'
import type { Handshakes } from '../server/handshakes.ts'
import { API_LIMITS } from './limits.ts'

/** What bounds the connections of a server. */
export interface ConnectionBounds {
  /** Those that are open, of all servers that share the limits. */
  readonly connections: Connections
  /** Whether many clients come from this address: a proxy, or this machine. */
  readonly isShared: (address: string) => boolean
  /** Make the connections that the server reads; undefined: it reads what comes. */
  readonly handshakes: Pick<Handshakes, 'secure'> | undefined
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/** A connection that the server reads. */
interface Place {
  /** The connection below TLS, or the same. */
  readonly below: Socket
  readonly source: string | undefined
  unanswered: number
}

/**
 * Lets a server have as many connections as there may be, of each source and in all: whoever opens them and asks nothing
 * makes room. With TLS, that is so already before the handshake. Who asks on, and waits for no answer, is cut off: Node reads
 * whatever comes on a connection, and it would cost others their turn.
 */
export function boundConnections(
  server: Server,
  { connections, isShared, handshakes, clock }: ConnectionBounds,
): void {
  const places = new WeakMap<Socket, Place>()
  const made = new TokenBuckets({
    perSecond: API_LIMITS.callsPerSecond,
    burst: API_LIMITS.callsAtOnce,
    remembered: API_LIMITS.sources,
  })
  const handOvers = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const address = plainAddress(socket.remoteAddress ?? '')
    const source = isShared(address) ? undefined : sourceOf(address)
    const isHeard = source === undefined || made.of(source).take(clock.monotonicMs())
    if (!isHeard || !connections.add(socket, source)) {
      socket.destroy()
      return
    }
    const read = (stream: Socket) => {
      places.set(stream, { below: socket, source, unanswered: 0 })
      for (const handOver of handOvers) handOver.call(server, stream)
    }
    if (handshakes) handshakes.secure(socket, source, read)
    else read(socket)
  })
  const answers = server.listeners('request') as ((
    request: IncomingMessage,
    response: ServerResponse,
  ) => void)[]
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const place = places.get(request.socket)
    // What was read with the one that was too much comes after it.
    if (!place || place.below.destroyed) return
    if (place.unanswered >= API_LIMITS.unansweredOfConnection) {
      place.below.destroy()
      return
    }
    place.unanswered += 1
    connections.isBusy(place.below)
    response.once('close', () => {
      place.unanswered -= 1
      if (place.unanswered === 0) connections.isIdle(place.below, place.source)
    })
    for (const answer of answers) answer.call(server, request, response)
  })
}
