import { once } from 'node:events'
import { existsSync, lstatSync, rmSync } from 'node:fs'
import type { Server as HttpServer } from 'node:http'
import type { Server } from 'node:net'
import { dirname } from 'node:path'
import { AS_ROOT, codeOf, messageOf, Re6stError } from '../../core/errors.ts'
import type { ListenPlace } from '../../core/options/value-types.ts'
import { bracketed } from '../../core/values/bracketed.ts'
import { isListenedAt } from '../../platform/unix-socket.ts'
import { LISTEN_BACKLOG } from './limits.ts'

/** Only the user that the registry runs as may call there. */
const SOCKET_UMASK = 0o177

/**
 * Listens, and says on which port; 0 for a Unix socket, which only our user may open. One that a dead registry left is
 * replaced.
 * @throws Re6stError `SYSTEM`
 */
export async function listen(server: Server, place: ListenPlace): Promise<number> {
  const where = place.kind === 'socket' ? place.path : `${bracketed(place.address)}:${place.port}`
  try {
    if (place.kind === 'socket') await listenOnSocket(server, place.path)
    else {
      server.listen({ host: place.address, port: place.port, ipv6Only: true, backlog: LISTEN_BACKLOG })
      await once(server, 'listening')
    }
  } catch (error) {
    const code = codeOf(error)
    const remedy = (place.kind === 'socket' ? undefined : REMEDIES[code]) ?? messageOf(error)
    throw new Re6stError('SYSTEM', `cannot listen on ${where}: ${remedy}`, { cause: error })
  }
  // One connection that cannot be accepted, for want of file descriptors or memory: its client tries again.
  server.on('error', () => {})
  const bound = server.address()
  return typeof bound === 'object' && bound ? bound.port : 0
}

const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there: give another port',
  EAFNOSUPPORT: "this kernel has no IPv6: give -6 ''",
  EACCES: `no permission: ${AS_ROOT}, or give a --port above 1023`,
}

/** Whether it could not listen because the kernel has no IPv6 (`ipv6.disable=1`). */
export const isWithoutIpv6 = (error: unknown): boolean =>
  error instanceof Re6stError && codeOf(error.cause) === 'EAFNOSUPPORT'

async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) {
    if (await isListenedAt(path)) throw new Error('another program listens there: give another path')
    rmSync(path)
  }
  // libuv says EACCES then.
  if (!existsSync(dirname(path))) throw new Error('its directory is not there: make it, or give another path')
  const umask = process.umask(SOCKET_UMASK)
  try {
    server.listen({ path, backlog: LISTEN_BACKLOG })
  } finally {
    process.umask(umask)
  }
  await once(server, 'listening')
}

/** Answers that are under way are finished; idle connections are closed. */
export async function closeServer(server: HttpServer): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), 2_000)
  await closed
  clearTimeout(timer)
}
