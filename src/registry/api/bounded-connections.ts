import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { plainAddress, sourceOf } from '../server/caller.ts'
import type { Connections } from '../server/connections.ts'

/**
 * Lets a server have as many connections as there may be, of each source and in all: whoever opens them and asks nothing
 * makes room.
 * @param isShared whether many clients come from this address: a proxy, or this machine
 */
export function boundConnections(
  server: Server,
  connections: Connections,
  isShared: (address: string) => boolean,
): void {
  const sources = new WeakMap<Socket, string | undefined>()
  server.on('connection', (socket: Socket) => {
    const address = plainAddress(socket.remoteAddress ?? '')
    const source = isShared(address) ? undefined : sourceOf(address)
    sources.set(socket, source)
    if (!connections.add(socket, source)) socket.destroy()
  })
  server.on('request', ({ socket }, response) => {
    connections.isBusy(socket)
    response.once('close', () => connections.isIdle(socket, sources.get(socket)))
  })
}
