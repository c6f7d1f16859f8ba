import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { messageOf } from '../core/errors.ts'
import type { ListenPlace } from '../core/options/value-types.ts'
import type { Logger } from '../platform/log.ts'
import { MadeOnce } from '../platform/made-once.ts'
import type { OpenIdSettings } from './api/access/open-id.ts'
import type { Api, ApiComponents } from './api/api.ts'
import { API_LIMITS } from './api/limits.ts'
import { makeSocketDirectory } from './command-socket.ts'
import { closeServer, listen } from './server/listen.ts'

/** Where the page and the API are. */
export interface ApiSettings {
  /** For administrators; undefined: nowhere. */
  readonly listener: ListenPlace | undefined
  /** For commands of the registry's own user: path of a Unix socket. */
  readonly socketPath: string | undefined
  /** Where the page is known to be. */
  readonly pageUrl: string | undefined
  /** Whether the page speaks TLS itself, as the registry does. */
  readonly isTls?: boolean
  /** Who else says who may sign in; undefined: nobody. */
  readonly openId?: OpenIdSettings | undefined
  /** Who signs certificates of administrators (PEM); undefined: nobody signs in by one. */
  readonly clientCertCa?: string | undefined
  /** Where machines find the registry. */
  readonly registryUrl: string | undefined
  /** Folder with the built page. */
  readonly pageFolder: string
}

/**
 * Where the page and the API can be reached. What they are made of takes as much memory as the rest of the registry: it is
 * loaded at the start where administrators have a listener, else when a command first asks.
 */
export class ApiListeners implements AsyncDisposable {
  readonly #log: Logger
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  readonly #api: MadeOnce<Api>
  readonly #local: MadeOnce<Server>

  constructor(components: ApiComponents) {
    this.#log = components.log
    this.#api = new MadeOnce(async () => (await import('./api/api.ts')).makeApi(components))
    this.#local = new MadeOnce(async () => (await this.#api.get()).create('local'))
  }

  /** Opens what is wanted. @returns the port of the page @throws Re6stError `SYSTEM` when the page cannot be listened for */
  async open({ listener, socketPath }: ApiSettings): Promise<number | undefined> {
    let port: number | undefined
    if (listener) {
      const server = await (await this.#api.get()).create('public')
      this.#servers.push(server)
      port = await listen(server, listener)
    }
    if (socketPath === undefined) return port
    const server = this.#lazyServer()
    try {
      makeSocketDirectory(socketPath)
      await listen(server, { kind: 'socket', path: socketPath })
      this.#servers.push(server)
    } catch (error) {
      // The network is served all the same.
      this.#log.warn({ reason: messageOf(error) }, 'commands cannot ask this registry')
    }
    return port
  }

  #lazyServer(): Server {
    const server = createServer()
    server.maxConnections = API_LIMITS.maxConnections
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket)).on('error', () => {})
      this.#local.get().then(
        (local) => local.emit('connection', socket),
        (error: unknown) => {
          this.#log.error({ err: error }, 'the API cannot be loaded')
          socket.destroy()
        },
      )
    })
    return server
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#servers.map((server) => closeServer(server)))
    const api = await this.#api.present()
    api?.[Symbol.dispose]()
  }
}
