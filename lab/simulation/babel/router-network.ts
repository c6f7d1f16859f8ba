import type { LinkParameters, NeighbourCause } from '../../../src/core/babel/engine/ports.ts'
import { microsecondsOf } from '../../../src/core/babel/engine/rtt.ts'
import { decodePacket } from '../../../src/core/babel/wire/decode.ts'
import { encodePackets } from '../../../src/core/babel/wire/encode.ts'
import type { OutgoingTlv, Tlv } from '../../../src/core/babel/wire/tlv.ts'
import type { Random } from '../../../src/core/random.ts'
import { EventQueue } from '../event-queue.ts'
import { Router, SERVER } from './router.ts'
import { clientIface, type End, farEnd, type Tunnel } from './tunnel.ts'
import { arrivalsMs, CALM, type Weather } from './weather.ts'

/** RFC 8966, 4: the MTU of Ethernet, less IPv6 and UDP. */
const MAX_BYTES = 1_452
/** IPv6 and UDP. */
const HEADERS_BYTES = 48

/** What a network of routers is made with. */
export interface RouterNetworkInit {
  readonly random: Random
  /** Of all interfaces, unless set otherwise. */
  readonly parameters: LinkParameters
  /** By how much the machines are late with what is due, at most. */
  readonly latenessMs: number
  /** Called after each change of a forwarding table. */
  readonly onForward?: (router: Router, key: string) => void
}

/** Many routers in one process, with tunnels between them that treat packets as the weather is; and a virtual clock. */
export class RouterNetwork {
  readonly routers: Router[] = []
  readonly tunnels = new Set<Tunnel>()
  weather: Weather = CALM
  /** What was sent, with headers. */
  bytes = 0
  packets = 0
  readonly queue: EventQueue
  readonly #init: RouterNetworkInit
  readonly #rxcosts = new Map<string, number>()
  readonly #helloIntervals = new Map<Router, number>()
  /** Of each router, by interface. */
  readonly #ends = new Map<Router, Map<string, Map<Tunnel, End>>>()

  constructor(init: RouterNetworkInit, queue = new EventQueue()) {
    this.#init = init
    this.queue = queue
  }

  get nowMs(): number {
    return this.queue.nowMs
  }

  run(ms: number): void {
    this.queue.run(this.nowMs + ms)
  }

  /** Another router, that is off. */
  add(): Router {
    const router = new Router(this.routers.length, this.#init.random, {
      sent: (from, iface, to, tlvs) => this.#carry(from, iface, to, tlvs),
      forwarded: (of, key) => this.#init.onForward?.(of, key),
    })
    this.routers.push(router)
    return router
  }

  /** Switches a router on. Its tunnels are there, as they were. */
  start(router: Router): void {
    if (router.engine) return
    router.start(this.nowMs)
    this.#raise(router, SERVER)
    for (const tunnel of this.tunnels) if (tunnel.client === router) this.#raise(router, clientIface(tunnel))
    this.#plan(router)
  }

  /** Cuts the power of a router. */
  kill(router: Router): void {
    router.stop()
  }

  /** Makes a tunnel. */
  connect(client: Router, server: Router, delayMs: number): Tunnel {
    const tunnel: Tunnel = { client, server, delayMs, open: { up: true, down: true } }
    this.tunnels.add(tunnel)
    this.#endsOn(client, clientIface(tunnel)).set(tunnel, farEnd(tunnel, client))
    this.#endsOn(server, SERVER).set(tunnel, farEnd(tunnel, server))
    this.up(client, clientIface(tunnel))
    return tunnel
  }

  /** Ends a tunnel, and tells both. */
  disconnect(tunnel: Tunnel): void {
    if (!this.tunnels.delete(tunnel)) return
    const { client, server } = tunnel
    const iface = clientIface(tunnel)
    this.#ends.get(client)?.delete(iface)
    this.#endsOn(server, SERVER).delete(tunnel)
    client.engine?.interfaceRemoved(this.#clockOf(client), iface)
    this.gone(server, SERVER, client.addressOn(iface), 'transport ended')
    this.#plan(client)
  }

  /** Tells a router that a neighbour is gone. */
  gone(router: Router, iface: string, address: string, cause: NeighbourCause): void {
    router.engine?.neighbourGone(this.#clockOf(router), iface, address, cause)
    this.#plan(router)
  }

  /** Does something with a router that is on, at the time of its clock. */
  act(router: Router, action: (engine: NonNullable<Router['engine']>, nowMs: number) => void): void {
    if (router.engine) action(router.engine, this.#clockOf(router))
    this.#plan(router)
  }

  /** What receiving costs a router on an interface. */
  rxcostOf(router: Router, iface: string): number {
    return this.#rxcosts.get(`${router.index} ${iface}`) ?? this.#init.parameters.rxcost
  }

  setRxcost(router: Router, iface: string, rxcost: number): void {
    this.#rxcosts.set(`${router.index} ${iface}`, rxcost)
    this.act(router, (engine, nowMs) => engine.setParameters(nowMs, iface, this.#parametersOf(router, iface)))
  }

  /** Who is behind an address. */
  neighbourAt(router: Router, iface: string, address: string): Router | undefined {
    for (const far of this.#endsOn(router, iface).values())
      if (far.router.addressOn(far.iface) === address) return far.router
    return undefined
  }

  /** An interface of a router goes down. */
  down(router: Router, iface: string): void {
    this.act(router, (engine, nowMs) => engine.interfaceDown(nowMs, iface))
  }

  /** It is up, if there is a tunnel. */
  up(router: Router, iface: string): void {
    const isThere = iface === SERVER || this.#endsOn(router, iface).size > 0
    if (!router.engine || !isThere) return
    this.#raise(router, iface)
    this.#plan(router)
  }

  #raise(router: Router, iface: string): void {
    const kind = iface === SERVER ? 'server' : 'tunnel'
    const nowMs = this.#clockOf(router)
    router.engine?.setParameters(nowMs, iface, this.#parametersOf(router, iface))
    router.engine?.interfaceUp(nowMs, { name: iface, kind, address: router.addressOn(iface) })
  }

  /** How often a router says hello from now on. */
  setHelloInterval(router: Router, helloIntervalMs: number): void {
    this.#helloIntervals.set(router, helloIntervalMs)
    const ifaces = [...this.tunnels].filter(({ client }) => client === router).map(clientIface)
    this.act(router, (engine, nowMs) => {
      for (const iface of [SERVER, ...ifaces])
        engine.setParameters(nowMs, iface, this.#parametersOf(router, iface))
    })
  }

  #parametersOf(router: Router, iface: string): LinkParameters {
    const { parameters } = this.#init
    const rxcost = this.rxcostOf(router, iface)
    const helloIntervalMs = this.#helloIntervals.get(router) ?? parameters.helloIntervalMs
    const updateIntervalMs = (parameters.updateIntervalMs * helloIntervalMs) / parameters.helloIntervalMs
    return { ...parameters, rxcost, helloIntervalMs, updateIntervalMs }
  }

  #clockOf(router: Router): number {
    return this.nowMs + router.clockOffsetMs
  }

  /** The tunnels on an interface, and their other ends. */
  #endsOn(router: Router, iface: string): Map<Tunnel, End> {
    const ofRouter = this.#ends.get(router) ?? new Map<string, Map<Tunnel, End>>()
    const ends = ofRouter.get(iface) ?? new Map<Tunnel, End>()
    if (ofRouter.size === 0) this.#ends.set(router, ofRouter)
    if (ends.size === 0) ofRouter.set(iface, ends)
    return ends
  }

  /** Looks at an engine when something is due there. */
  #plan(router: Router): void {
    const { engine } = router
    if (engine === undefined) return
    const dueMs = engine.nextDeadlineMs - router.clockOffsetMs
    if (dueMs >= router.lookMs || dueMs === Number.POSITIVE_INFINITY) return
    const lookMs = Math.max(dueMs, this.nowMs)
    router.lookMs = lookMs
    this.queue.at(lookMs + this.#init.random.next() * this.#init.latenessMs, () => {
      if (router.lookMs !== lookMs) return
      router.lookMs = Number.POSITIVE_INFINITY
      router.engine?.tick(this.#clockOf(router))
      this.#plan(router)
    })
  }

  #carry(from: Router, iface: string, to: string | undefined, tlvs: readonly OutgoingTlv[]): void {
    const sender = from.addressOn(iface)
    const packets = encodePackets(tlvs, {
      maxBytes: MAX_BYTES,
      sender,
      nowUs: () => microsecondsOf(this.#clockOf(from)),
    })
    const read = packets.map((packet) => decodedOnce(packet, sender))
    for (const [tunnel, end] of this.#endsOn(from, iface)) {
      if (to !== undefined && end.router.addressOn(end.iface) !== to) continue
      for (const [at, packet] of packets.entries()) {
        this.bytes += packet.length + HEADERS_BYTES
        this.packets += 1
        const tlvs = read[at]
        if (tlvs) this.#send(tunnel, end, sender, to, tlvs)
      }
    }
  }

  #send(
    tunnel: Tunnel,
    { router, iface }: End,
    source: string,
    to: string | undefined,
    tlvs: () => readonly Tlv[],
  ): void {
    for (const delayMs of arrivalsMs(this.weather, tunnel.delayMs, this.#init.random))
      this.queue.after(delayMs, () => {
        const { engine } = router
        const passes = tunnel.server === router ? tunnel.open.up : tunnel.open.down
        if (engine === undefined || !passes || !this.tunnels.has(tunnel)) return
        if (to !== undefined && router.addressOn(iface) !== to) return
        const receivedMs = this.#clockOf(router)
        engine.receive(receivedMs, {
          ...{ iface, source, multicast: to === undefined, receivedMs },
          tlvs: tlvs(),
          isLate: false,
        })
        this.#plan(router)
      })
  }
}

/** What a packet says: read when the first copy of it arrives, and not again for all others who hear it. */
function decodedOnce(packet: Uint8Array, sender: string): () => readonly Tlv[] {
  let tlvs: readonly Tlv[] | undefined
  return () => {
    if (tlvs) return tlvs
    const decoded = decodePacket(packet, { sender })
    if (!decoded.ok) throw new Error(`what a router sent is no packet: ${decoded.reason}`)
    tlvs = decoded.value
    return tlvs
  }
}
