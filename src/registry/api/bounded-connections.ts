import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { plainAddress, sourceOf } from '../server/caller.ts'
import type { Connections } from '../server/connections.ts'
import type { Handshakes } from '../server/handshakes.ts'

/**
 * Lets a server have as many connections as there may be, of each source and in all: whoever opens them and asks nothing
 * makes room. With TLS, that is so already before the handshake.
 * @param isShared whether many clients come from this address: a proxy, or this machine
 * @param handshakes make the connections that the server reads; undefined: it reads what comes
 */
export function boundConnections(
  server: Server,
  connections: Connections,
  isShared: (address: string) => boolean,
  handshakes?: Pick<Handshakes, 'secure'>,
): void {
  /** The connection below, by what the server reads. */
  const places = new WeakMap<Socket, { readonly below: Socket; readonly source: string | undefined }>()
  const handOvers = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    const address = plainAddress(socket.remoteAddress ?? '')
    const source = isShared(address) ? undefined : sourceOf(address)
    if (!connections.add(socket, source)) {
      socket.destroy()
      return
    }
    const read = (stream: Socket) => {
      places.set(stream, { below: socket, source })
      for (const handOver of handOvers) handOver.call(server, stream)
    }
    if (handshakes) handshakes.secure(socket, source, read)
    else read(socket)
  })
  server.on('request', ({ socket }, response) => {
    const place = places.get(socket)
    if (!place) return
    connections.isBusy(place.below)
    response.once('close', () => connections.isIdle(place.below, place.source))
  })
}
