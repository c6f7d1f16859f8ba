import { chmodSync, unlinkSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { codeOf, Re6stError } from '../../core/errors.ts'
import { isListenedAt, isSocketPath } from '../../platform/unix-socket.ts'

/** Waits for one process to connect. */
export interface ManagementSocket {
  /** Resolves with the one connection, when it comes; never rejects. */
  readonly connection: Promise<Socket>
  /** Listens no more and removes the file; a connection that was made stays. */
  close(): void
}

/**
 * Listens at `path` for exactly one connection. A socket of its own for each process tells without doubt who is
 * speaking, and its file is gone as soon as that process is there: a node that is killed leaves none behind.
 * @throws Re6stError `SYSTEM` if the path is too long, or in use by a living process
 */
export async function openManagementSocket(path: string): Promise<ManagementSocket> {
  if (!isSocketPath(path))
    throw new Re6stError('SYSTEM', `${path} is too long for a socket: choose a shorter directory with --run`)
  const server = createServer()
  const connection = new Promise<Socket>((resolve) => {
    server.on('connection', (socket) => {
      server.close()
      resolve(socket)
    })
  })
  server.maxConnections = 1
  try {
    await listenAt(server, path)
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw cannotListen(path, error)
    if (await isListenedAt(path))
      throw new Re6stError(
        'SYSTEM',
        `${path} is in use: does another re6stnet run with the same --run directory?`,
      )
    unlinkSync(path)
    await listenAt(server, path).catch((again: unknown) => {
      throw cannotListen(path, again)
    })
  }
  return { connection, close: () => void server.close() }
}

function listenAt(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      // A connection that cannot be accepted, for want of file descriptors: its process ends, and is started again.
      server.on('error', () => {})
      resolve()
    })
    try {
      // The file is there as soon as listen() returns: nobody else has had the time to connect.
      chmodSync(path, 0o600)
    } catch {
      // It could not be made: the error event says why.
    }
  })
}

const cannotListen = (path: string, cause: unknown) =>
  new Re6stError('SYSTEM', `cannot listen at ${path}: ${(cause as Error).message}`, { cause })
