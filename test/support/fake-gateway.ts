import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SEARCH_TARGETS } from '../../src/core/port-mapping/ssdp.ts'
import type { Clock } from '../../src/platform/clock.ts'
import type { Processes } from '../../src/platform/processes.ts'

/** Where the fake gateway is, and who asks it. */
const GATEWAY_ADDRESS = '127.0.0.1'

/** How a fake gateway differs from a good one. */
export interface FakeIgdOptions {
  readonly clock: Clock
  /** Answers an HTTP request in its own way; false: as a good gateway would. */
  readonly answer?: (request: IncomingMessage, response: ServerResponse, action: string) => boolean
  /** What it answers to a search, instead of where its description is. */
  readonly location?: string
  readonly externalAddress?: string
  readonly longestLeaseS?: number
  /** The error with which it answers when it is asked for a lease. */
  readonly leaseError?: number
  /** The kind of device that it says it is. */
  readonly target?: string
  /** Changes the bytes of each answer on their way. */
  readonly distort?: (answer: string) => string | Buffer
  /** Says yes to a renewal, and lets the old lease run out. */
  readonly ignoresRenewal?: boolean
  /** External ports that somebody else has. */
  readonly takenPorts?: readonly number[]
}

interface FakeMapping {
  readonly client: string
  readonly port: number
  /** Infinity: for ever. */
  readonly endMs: number
}

/** A UPnP gateway on loopback that can be made to misbehave as no real one can be. */
export class FakeIgd implements AsyncDisposable {
  readonly #options: FakeIgdOptions
  readonly #mappings = new Map<string, FakeMapping>()
  readonly #search = createSocket('udp4')
  readonly #http = createServer((request, response) => void this.#serve(request, response))
  /** Names of the actions that it was asked for, and of the pages. */
  readonly asked: string[] = []
  /** When a mapping ended that nobody removed. */
  expired = 0

  private constructor(options: FakeIgdOptions) {
    this.#options = options
  }

  static async start(options: FakeIgdOptions): Promise<FakeIgd> {
    const gateway = new FakeIgd(options)
    gateway.#http.listen(0, GATEWAY_ADDRESS)
    gateway.#search.bind(0, GATEWAY_ADDRESS)
    await Promise.all([once(gateway.#http, 'listening'), once(gateway.#search, 'listening')])
    const location = options.location ?? `http://${GATEWAY_ADDRESS}:${gateway.#httpPort}/root.xml`
    gateway.#search.on('message', (_, { port, address }) => {
      gateway.asked.push('search')
      const answer = `HTTP/1.1 200 OK\r\nST: ${options.target ?? SEARCH_TARGETS[1]}\r\nLOCATION: ${location}\r\n\r\n`
      gateway.#search.send(answer, port, address)
    })
    return gateway
  }

  /** UDP port at which it is searched for. */
  get searchPort(): number {
    return this.#search.address().port
  }

  /** What it forwards now: `tcp 1194 to 127.0.0.1:1194`. */
  get forwarded(): string[] {
    for (const [name, { endMs }] of this.#mappings) {
      if (endMs > this.#options.clock.monotonicMs()) continue
      this.#mappings.delete(name)
      this.expired++
    }
    return [...this.#mappings].map(([name, { client, port }]) => `${name} to ${client}:${port}`)
  }

  /** Loses its memory. */
  forget(): void {
    this.#mappings.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.closeAllConnections()
    this.#http.close()
    this.#search.close()
    await once(this.#http, 'close')
  }

  get #httpPort(): number {
    return (this.#http.address() as AddressInfo).port
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const action = /#(\w+)/.exec(String(request.headers['soapaction'] ?? ''))?.[1] ?? request.url ?? ''
    this.asked.push(action)
    if (this.#options.answer?.(request, response, action)) return
    const { distort } = this.#options
    const result = action === '/root.xml' ? undefined : this.#act(action, body)
    const answer = result === undefined ? DESCRIPTION : soapOf(action, result)
    if (distort) return void request.socket.end(distort(answer))
    response.statusCode = typeof result === 'number' ? 500 : 200
    response.end(answer)
  }

  #act(action: string, body: string): Readonly<Record<string, string | number>> | number {
    const value = (name: string) => new RegExp(`<${name}>([^<]*)`).exec(body)?.[1] ?? ''
    const { clock, longestLeaseS = Infinity, takenPorts = [] } = this.#options
    const port = Number(value('NewExternalPort'))
    const name = `${value('NewProtocol').toLowerCase()} ${port}`
    // Ends what is over.
    void this.forwarded
    const old = this.#mappings.get(name)
    switch (action) {
      case 'GetExternalIPAddress':
        return { NewExternalIPAddress: this.#options.externalAddress ?? '20.0.113.9' }
      case 'GetSpecificPortMappingEntry': {
        if (takenPorts.includes(port))
          return { NewInternalClient: '127.0.0.9', NewInternalPort: port, NewLeaseDuration: 0 }
        if (!old) return 714
        const leftS = Math.ceil((old.endMs - clock.monotonicMs()) / 1000)
        return {
          NewInternalClient: old.client,
          NewInternalPort: old.port,
          NewLeaseDuration: old.endMs === Infinity ? 0 : leftS,
        }
      }
      case 'AddPortMapping': {
        const wanted = Number(value('NewLeaseDuration'))
        if (this.#options.leaseError !== undefined && wanted !== 0) return this.#options.leaseError
        if (takenPorts.includes(port)) return 718
        if (old && this.#options.ignoresRenewal) return {}
        const leaseS = wanted === 0 ? Infinity : Math.min(wanted, longestLeaseS)
        this.#mappings.set(name, {
          client: value('NewInternalClient'),
          port: Number(value('NewInternalPort')),
          endMs: clock.monotonicMs() + leaseS * 1000,
        })
        return {}
      }
      case 'DeletePortMapping':
        return this.#mappings.delete(name) ? {} : 714
      default:
        return 401
    }
  }
}

const DESCRIPTION = `<root><device><serviceList><service>
  <serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>/control</controlURL>
</service></serviceList></device></root>`

/** Ends an HTTP answer with the values of an action, or with an error. */
export function respond(
  response: ServerResponse,
  action: string,
  result: Readonly<Record<string, string | number>> | number,
): void {
  response.statusCode = typeof result === 'number' ? 500 : 200
  response.end(soapOf(action, result))
}

function soapOf(action: string, result: Readonly<Record<string, string | number>> | number): string {
  const inside =
    typeof result === 'number'
      ? `<s:Fault><detail><UPnPError><errorCode>${result}</errorCode></UPnPError></detail></s:Fault>`
      : `<u:${action}Response>${Object.entries(result)
          .map(([name, value]) => `<${name}>${value}</${name}>`)
          .join('')}</u:${action}Response>`
  return `<s:Envelope><s:Body>${inside}</s:Body></s:Envelope>`
}

/** Something that is asked at UDP port 5351 of a gateway; answers what `answer` says, if anything. */
export class FakeMappingPort implements Disposable {
  readonly #socket: Socket
  asked = 0

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  static async start(answer: (datagram: Uint8Array) => Uint8Array | undefined): Promise<FakeMappingPort> {
    const socket = createSocket('udp4')
    const created = new FakeMappingPort(socket)
    socket.on('message', (datagram, { port, address }) => {
      created.asked++
      const said = answer(datagram)
      if (said) socket.send(said, port, address)
    })
    socket.bind(0, GATEWAY_ADDRESS)
    await once(socket, 'listening')
    return created
  }

  get port(): number {
    return this.#socket.address().port
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}

/** The kernel of a machine whose default route leads to the fake gateway. */
export const routedByFakeGateway: Processes = {
  start() {
    throw new Error('nothing is started here')
  },
  async run() {
    return { stdout: JSON.stringify([{ gateway: GATEWAY_ADDRESS, prefsrc: GATEWAY_ADDRESS }]), stderr: '' }
  },
}
