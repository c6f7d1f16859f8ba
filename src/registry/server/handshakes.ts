import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { Clock } from '../../platform/clock.ts'
import type { Reader, ReadingLimits, ReadingTurns } from './reading-turns.ts'
import type { TlsCredentials } from './tls-credentials.ts'

/** What clients may take of the registry before they have said what they want. */
export interface HandshakeLimits {
  /** From the connection on: who is slower is cut off. */
  readonly handshakeTimeoutMs: number
  /** Handshakes of strangers, each of which costs a signature: how many begin in one turn. */
  readonly handshakes: ReadingLimits
}

/** What handshakes need. */
export interface HandshakeComponents {
  /** Never listens: it is given the connections. */
  readonly server: Server
  readonly turns: ReadingTurns
  readonly clock: Pick<Clock, 'after'>
  readonly timeoutMs: number
}

/**
 * What secures connections by the registry's own certificate.
 * @param asksForCertificate whether administrators may show one
 */
export function certificateServer(
  credentials: Pick<TlsCredentials, 'follow'>,
  { asksForCertificate, timeoutMs }: { readonly asksForCertificate: boolean; readonly timeoutMs: number },
): Server {
  const server = createServer({
    handshakeTimeout: timeoutMs,
    ALPNProtocols: ['http/1.1'],
    requestCert: asksForCertificate,
    // Nodes have none; who has none is no administrator.
    rejectUnauthorized: false,
  })
  credentials.follow((options) => server.setSecureContext(options))
  return server
}

/** Which connection it is, for both ends of its wrapping. */
const keyOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  [remoteAddress, remotePort, localAddress, localPort].join(' ')

/**
 * Makes TLS connections of plain ones. A handshake costs a hundred times what a call of a stranger does: of strangers a few
 * are begun at a time, each source in its turn, when something has come; all must end within a deadline.
 */
export class Handshakes implements Disposable {
  readonly #components: HandshakeComponents
  readonly #begun = new Map<string, (secured: TLSSocket) => void>()
  readonly #pending = new Set<Socket>()

  constructor(components: HandshakeComponents) {
    this.#components = components
    const { server } = components
    server.on('secureConnection', (secured) => {
      const secure = this.#begun.get(keyOf(secured))
      // Who has gone meanwhile has no address any more.
      if (secure) secure(secured)
      else secured.destroy()
    })
    // Whatever strangers send: the connection is closed by then.
    server.on('tlsClientError', (_error, socket) => void socket.destroy())
  }

  /** How many have not ended. */
  get pending(): number {
    return this.#pending.size
  }

  /** Secures a connection. `done` is called once it is, and never if it is not: it is closed then. */
  secure(socket: Socket, source: string | undefined, done: (secured: TLSSocket) => void): void {
    const { server, turns, clock, timeoutMs } = this.#components
    const key = keyOf(socket)
    this.#pending.add(socket)
    const deadline = clock.after(timeoutMs, () => void socket.destroy())
    const end = () => {
      deadline[Symbol.dispose]()
      this.#pending.delete(socket)
      this.#begun.delete(key)
      turns.leave(reader)
    }
    const begin = () => {
      turns.leave(reader)
      this.#begun.set(key, (secured) => {
        end()
        done(secured)
      })
      server.emit('connection', socket)
    }
    const reader = new FirstBytes(socket, source, begin)
    socket.once('close', end)
    socket.on('error', () => {})
    turns.await(reader)
  }

  /** Cuts off all that have not ended. */
  [Symbol.dispose](): void {
    for (const socket of this.#pending) socket.destroy()
  }
}

/** Waits for the first bytes of a connection, when it is its turn. */
class FirstBytes implements Reader {
  readonly source: string | undefined
  readonly #socket: Socket
  readonly #begin: () => void
  readonly #onReadable = () => {
    const bytes: unknown = this.#socket.read()
    // The end of a connection on which nothing came.
    if (!(bytes instanceof Uint8Array)) return void this.#socket.destroy()
    this.#socket.removeListener('readable', this.#onReadable)
    // TLS reads them again.
    this.#socket.unshift(bytes)
    this.#begin()
  }

  constructor(socket: Socket, source: string | undefined, begin: () => void) {
    this.#socket = socket
    this.source = source
    this.#begin = begin
  }

  read(): void {
    this.#socket.on('readable', this.#onReadable)
  }

  pause(): void {
    this.#socket.removeListener('readable', this.#onReadable)
    this.#socket.pause()
  }

  turnAway(): void {
    this.#socket.destroy()
  }
}
