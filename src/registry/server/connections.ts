import type { Socket } from 'node:net'

/** How many connections there may be. */
export interface ConnectionLimits {
  readonly maxConnections: number
  /** Of one source: a thousand machines behind one address do not ask at the same moment. */
  readonly maxConnectionsPerSource: number
}

/**
 * The open connections. When there are too many, of one source or in all, the one on which nothing was asked for longest
 * makes room: who opens connections and says nothing shuts out nobody.
 */
export class Connections {
  readonly #limits: ConnectionLimits
  readonly #sources = new Map<string | undefined, Set<Socket>>()
  /** Those on which no call is under way; the one that is idle for longest comes first. */
  readonly #idle = new Map<Socket, string | undefined>()
  #count = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /** How many are open. */
  get count(): number {
    return this.#count
  }

  /**
   * A connection was made.
   * @param source undefined where there is no limit for one source
   * @returns whether there is room for it
   */
  add(socket: Socket, source: string | undefined): boolean {
    const siblings = this.#sources.get(source) ?? new Set()
    if (source !== undefined && siblings.size >= this.#limits.maxConnectionsPerSource) {
      const idle = this.#firstIdle(siblings)
      if (!idle) return false
      this.#close(idle)
    }
    if (this.#count >= this.#limits.maxConnections) {
      const [idle] = this.#idle.keys()
      if (!idle) return false
      this.#close(idle)
    }
    this.#count++
    siblings.add(socket)
    this.#sources.set(source, siblings)
    this.#idle.set(socket, source)
    socket.once('close', () => this.#remove(socket, source))
    return true
  }

  /** A call is under way on it. */
  isBusy(socket: Socket): void {
    this.#idle.delete(socket)
  }

  /** None is any more. */
  isIdle(socket: Socket, source: string | undefined): void {
    if (this.#sources.get(source)?.has(socket)) this.#idle.set(socket, source)
  }

  #firstIdle(sockets: Iterable<Socket>): Socket | undefined {
    for (const socket of sockets) if (this.#idle.has(socket)) return socket
    return undefined
  }

  #close(socket: Socket): void {
    this.#remove(socket, this.#idle.get(socket))
    socket.destroy()
  }

  #remove(socket: Socket, source: string | undefined): void {
    this.#idle.delete(socket)
    const siblings = this.#sources.get(source)
    if (!siblings?.delete(socket)) return
    this.#count--
    if (siblings.size === 0) this.#sources.delete(source)
  }
}
