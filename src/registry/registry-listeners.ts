import type { Server } from 'node:http'
import type { ListenPlace } from '../core/options/value-types.ts'
import type { Logger } from '../platform/log.ts'
import type { RegistrySettings } from './registry-settings.ts'
import type { Listener, Transport } from './server/components.ts'
import type { HttpServers } from './server/http-server.ts'
import { closeServer, isWithoutIpv6, listen } from './server/listen.ts'

interface OpenAddress {
  readonly address: string
  readonly port: number
}

/** Where the functions of the registry can be called. */
export class RegistryListeners implements AsyncDisposable {
  readonly #servers: HttpServers
  readonly #log: Logger
  readonly #opened: Server[] = []
  readonly #addresses: OpenAddress[] = []
  readonly #tlsAddresses: OpenAddress[] = []

  constructor(servers: HttpServers, log: Logger) {
    this.#servers = servers
    this.#log = log
  }

  /** Those that speak HTTP, with the ports that they have. */
  get addresses(): readonly OpenAddress[] {
    return this.#addresses
  }

  /** Those that speak HTTPS. */
  get tlsAddresses(): readonly OpenAddress[] {
    return this.#tlsAddresses
  }

  /** Opens what is wanted. @throws Re6stError `SYSTEM` when an address cannot be listened on */
  async open(settings: Pick<RegistrySettings, 'listen' | 'tls' | 'privateListener'>): Promise<void> {
    const kind = settings.privateListener ? 'nothing private' : 'everything'
    for (const [transport, places, opened] of [
      ['http', settings.listen, this.#addresses],
      ['https', settings.tls?.listen ?? [], this.#tlsAddresses],
    ] as const)
      for (const { address, port } of places)
        try {
          const place = { kind: 'address', address, port } as const
          opened.push({ address, port: await this.#open(kind, place, transport) })
        } catch (error) {
          if (!isWithoutIpv6(error) || places.length === 1) throw error
          this.#log.warn(`-6 ${address}: this kernel has no IPv6: the registry listens on IPv4 only`)
        }
    if (settings.privateListener) await this.#open('everything', settings.privateListener, 'http')
  }

  async #open(kind: Listener, place: ListenPlace, transport: Transport): Promise<number> {
    const server = this.#servers.create(kind, transport)
    this.#opened.push(server)
    return await listen(server, place)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#servers[Symbol.dispose]()
    await Promise.all(this.#opened.map((server) => closeServer(server)))
  }
}
