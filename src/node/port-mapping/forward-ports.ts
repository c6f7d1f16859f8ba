import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { NodeOptions } from '../../core/options/node-options.ts'
import type { ForwardedPorts } from '../../core/tunnels/own-addresses.ts'
import { inBackground } from '../../platform/background.ts'
import type { Logger } from '../../platform/log.ts'
import { Turns } from '../../platform/turns.ts'
import { removeLeftMappings } from './left-mappings.ts'
import { createPortMapper, type PortMapper, type PortMapperInit, type PortToMap } from './port-mapper.ts'

type Components = Pick<PortMapperInit, 'clock' | 'random' | 'log' | 'processes' | 'methods'>
type Options = Pick<NodeOptions, 'ipv4Source' | 'stateDirectory'>
type Servers = NodeOptions['listeners']
type Forwarding = AsyncDisposable & Pick<PortMapper, 'askNow' | 'trouble'>

/**
 * Has the gateway forward the ports of the servers that listen on IPv4, if the options want that; otherwise removes
 * what was left there. Nobody waits for a gateway.
 */
export class PortForwarding implements AsyncDisposable {
  readonly #start: (servers: Servers) => Forwarding
  readonly #onChange: (forwarded: ForwardedPorts | undefined) => void
  #servers: Servers
  #running: Forwarding
  readonly #log: Logger
  /** Whether others reach this node by the gateway or not at all. */
  readonly #isExpected: boolean
  readonly #turns = new Turns()
  #isStopped = false

  /** @param onChange what it forwards now; undefined: nothing any more */
  constructor(
    options: Options,
    servers: Servers,
    components: Components,
    onChange: (forwarded: ForwardedPorts | undefined) => void,
  ) {
    this.#start = (some) => forwardPorts(options, some, components, onChange)
    this.#onChange = onChange
    this.#log = components.log
    this.#isExpected = options.ipv4Source === 'gateway'
    this.#servers = servers
    this.#running = this.#start(servers)
  }

  /** Why the gateway does not forward, where the user counts on it; undefined: it does, or nobody does. */
  get failure(): string | undefined {
    return this.#isExpected ? this.#running.trouble : undefined
  }

  /** Other servers are to be reached from now on. */
  setServers(servers: Servers): void {
    if (isDeepStrictEqual(servers, this.#servers)) return
    this.#servers = servers
    const restarted = this.#turns.take(async () => {
      await this.#running[Symbol.asyncDispose]()
      if (this.#isStopped) return
      this.#onChange(undefined)
      this.#running = this.#start(this.#servers)
    })
    inBackground(this.#log, 'forwarding other ports', restarted)
  }

  /** The connection of this machine is another one: the gateway is asked now. */
  networkChanged(): void {
    this.#running.askNow()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    await this.#turns.take(async () => await this.#running[Symbol.asyncDispose]())
  }
}

function forwardPorts(
  { ipv4Source, stateDirectory }: Options,
  servers: Servers,
  components: Components,
  onChange: (forwarded: ForwardedPorts | undefined) => void,
): Forwarding {
  const stateFile = join(stateDirectory, 'port-mappings.json')
  const isWanted = ipv4Source === 'gateway' || ipv4Source === 'gateway-or-peers'
  const listeners = servers.flatMap(({ protocol, port }): PortToMap[] =>
    protocol === 'tcp' || protocol === 'udp' ? [{ protocol, port }] : [],
  )
  if (!isWanted || listeners.length === 0) {
    const removal = removeLeftMappings({ ...components, stateFile })
    // It asks again by itself: nobody waits for it.
    return { askNow() {}, trouble: undefined, [Symbol.asyncDispose]: () => removal[Symbol.asyncDispose]() }
  }
  const mapper = createPortMapper({
    ...components,
    listeners,
    stateFile,
    isExpected: ipv4Source === 'gateway',
  })
  mapper.watch(onChange)
  return mapper
}
