import type { Random } from '../../random.ts'
import { INFINITY } from '../metric.ts'
import type { Destination, Hello, Ihu, RouterId, Tlv } from '../wire/tlv.ts'
import { Acquisition } from './acquisition.ts'
import { Departed } from './departed.ts'
import { Hellos } from './hellos.ts'
import { Levels } from './levels.ts'
import { catchingUpUntil, Liveness } from './liveness.ts'
import { type Entry, Interface, Neighbour } from './model.ts'
import { NeighbourWatch } from './neighbour-watch.ts'
import { defaultParameters } from './parameters.ts'
import type {
  CostLevel,
  EngineOutput,
  ExplanationView,
  InterfaceState,
  LinkParameters,
  LocalRoute,
  NeighbourCause,
  NeighbourView,
  ReceivedPacket,
  RouteView,
} from './ports.ts'
import { Requests } from './requests.ts'
import { Routes } from './routes.ts'
import { Sources } from './sources.ts'
import { RouteTable } from './table.ts'
import { TimerQueue } from './timers.ts'
import { Updates } from './updates.ts'
import { candidateView, ownView, routeView } from './views.ts'
import { neighboursOf, type World } from './world.ts'

/** A server has fewer clients, a LAN fewer routers. More are made up. */
const MAX_NEIGHBOURS_PER_INTERFACE = 512
/** What a neighbour acknowledges that was told costs alone. */
const NO_ROUTES: readonly Entry[] = []

/** What a machine is made with. */
export interface EngineSettings {
  /** RFC 8966, 3.1: different from that of every other router. */
  readonly routerId: RouterId
  /** Where our number was, if that is known; otherwise at random. */
  readonly seqno: number
  readonly random: Random
  readonly output: EngineOutput
  /** How many packets have come over an interface so far, if that is known and all of them are from one neighbour. */
  readonly arrivals?: (iface: string) => number | undefined
}

/**
 * A Babel router (RFC 8966) without sockets, kernel or clock. Everything that happens is an input with the time at which
 * it does; what is to be done comes out of `output` during the call. Whoever owns it calls {@link tick} at
 * {@link nextDeadlineMs}.
 */
export class BabelEngine {
  readonly #world: World & { readonly interfaces: Map<string, Interface> }
  readonly #parameters = new Map<string, LinkParameters>()
  readonly #levels = new Levels()
  readonly #expected = new Map<string, readonly Destination[]>()
  readonly #sources: Sources
  readonly #routes: Routes
  readonly #updates: Updates
  readonly #requests: Requests
  readonly #hellos: Hellos
  readonly #acquisition: Acquisition
  readonly #liveness: Liveness
  readonly #watch: NeighbourWatch
  readonly #departed = new Departed()
  #isRetracting = false

  constructor({ routerId, seqno, random, output, arrivals = () => undefined }: EngineSettings) {
    const timers = new TimerQueue()
    const table = new RouteTable()
    const world = {
      routerId,
      random,
      output,
      timers,
      table,
      seqno,
      catchingUpUntilMs: Number.NEGATIVE_INFINITY,
      passesOn: () => true,
      arrivals,
    }
    this.#world = { ...world, interfaces: new Map() }
    this.#sources = new Sources(table, timers, (nowMs, entry) => this.#routes.reselect(nowMs, entry))
    this.#updates = new Updates(
      this.#world,
      this.#sources,
      (nowMs, entry) => this.#requests.consider(nowMs, entry),
      (nowMs, neighbour) => this.#liveness.suspect(nowMs, neighbour, 'no answer'),
    )
    this.#requests = new Requests(this.#world, this.#updates)
    this.#routes = new Routes(this.#world, {
      selected: (nowMs, entry) => {
        this.#updates.consider(nowMs, entry)
        this.#requests.consider(nowMs, entry)
      },
      ignored: (nowMs, route) => this.#requests.ignored(nowMs, route),
      expiring: (_, { entry: { prefix, from }, neighbour: { iface, address } }) =>
        output.send(iface.name, address, [{ kind: 'route-request', prefix, from }]),
      localEnded: (_, { prefix, from }) => {
        // Of what is our own, nothing that others told was kept.
        for (const { name, neighbours } of this.#world.interfaces.values())
          if (neighbours.size > 0) output.send(name, undefined, [{ kind: 'route-request', prefix, from }])
      },
      ownHeard: (nowMs, { seqno }) => this.#requests.ownNumberHeard(nowMs, seqno),
    })
    this.#hellos = new Hellos(this.#world)
    this.#acquisition = new Acquisition(this.#world, this.#hellos, this.#updates.acknowledgments)
    this.#liveness = new Liveness(this.#world, this.#updates.acknowledgments, (nowMs, neighbour, cause) =>
      this.#forget(nowMs, neighbour, cause),
    )
    this.#watch = new NeighbourWatch(this.#world, {
      costMayHaveChanged: (nowMs, neighbour) => this.#recompute(nowMs, neighbour, undefined),
      silent: (nowMs, neighbour) => this.#liveness.suspect(nowMs, neighbour, 'hellos missed'),
      dead: (nowMs, neighbour) => this.#forget(nowMs, neighbour, 'hellos missed'),
      unheardThere: (nowMs, { iface }) => this.#acquisition.begin(nowMs, iface),
    })
  }

  /** Our own sequence number, to be kept for the next start. */
  get seqno(): number {
    return this.#world.seqno
  }

  /** When {@link tick} is to be called; Infinity: something else must happen first. */
  get nextDeadlineMs(): number {
    return this.#world.timers.nextMs
  }

  /** An interface can send. Its parameters are those that were set last for its name. */
  interfaceUp(nowMs: number, state: InterfaceState): void {
    this.#input(nowMs, () => {
      this.#down(nowMs, state.name)
      const parameters = this.#parameters.get(state.name) ?? defaultParameters(state.kind)
      this.#sources.promising(parameters.updateIntervalMs)
      const helloSeqno = Math.floor(this.#world.random.next() * 0x10000)
      const iface = new Interface(state, parameters, this.#levels, helloSeqno)
      iface.expected = this.#expected.get(state.name) ?? []
      this.#world.interfaces.set(state.name, iface)
      if (this.#isRetracting) return
      this.#hellos.start(iface)
      this.#updates.start(nowMs, iface)
      this.#acquisition.begin(nowMs, iface)
    })
  }

  /** Our IPv4 address on an interface came, changed or went: neighbours are told at once where to send IPv4 packets to. */
  setIpv4Address(nowMs: number, name: string, address: string | undefined): void {
    this.#input(nowMs, () => {
      const iface = this.#world.interfaces.get(name)
      if (iface === undefined || iface.ipv4Address === address) return
      iface.ipv4Address = address
      for (const entry of this.#world.table.reachable)
        if (!entry.prefix.includes(':')) this.#updates.tellAgain(nowMs, entry)
    })
  }

  /** An interface cannot send any more, for now. */
  interfaceDown(nowMs: number, name: string): void {
    this.#input(nowMs, () => this.#down(nowMs, name))
  }

  /** An interface is gone, and with it all that was said of its name: the next one that has it may lead elsewhere. */
  interfaceRemoved(nowMs: number, name: string): void {
    this.#input(nowMs, () => {
      this.#levels.forgetInterface(name)
      this.#expected.delete(name)
      this.#down(nowMs, name)
    })
  }

  #down(nowMs: number, name: string): void {
    const iface = this.#world.interfaces.get(name)
    if (iface === undefined) return
    this.#hellos.stop(iface)
    this.#updates.stop(iface)
    this.#acquisition.end(iface)
    // Nothing is sent to it any more.
    this.#world.interfaces.delete(name)
    for (const neighbour of [...iface.neighbours.values()]) this.#forget(nowMs, neighbour, 'interface down')
    this.#liveness.forgetInterface(iface)
  }

  /** A packet was received, and is authentic. */
  receive(nowMs: number, packet: ReceivedPacket): void {
    this.#input(nowMs, () => {
      const iface = this.#world.interfaces.get(packet.iface)
      if (iface === undefined || packet.source === iface.address) return
      const known = iface.neighbours.get(packet.source)
      const isQuestion = packet.tlvs.every(isOfWhoMissesUs)
      // Who was taken for dead may ask whether we are: it has not said yet that it hears us.
      if (!known && isQuestion && this.#liveness.isLost(iface, packet.source))
        return this.#acknowledge(iface, packet)
      const neighbour = known ?? this.#meetSender(nowMs, iface, packet)
      if (neighbour === undefined) return
      this.#liveness.heard(nowMs, neighbour, !isQuestion)
      this.#hearLink(nowMs, neighbour, packet)
      const current = iface.neighbours.get(packet.source)
      if (current) for (const tlv of packet.tlvs) this.#hear(nowMs, current, tlv)
    })
  }

  /** RFC 8966, 3.4: whoever says hello, and whoever was taken for dead and answers. */
  #meetSender(nowMs: number, iface: Interface, { source, tlvs }: ReceivedPacket): Neighbour | undefined {
    const mayBeMet = tlvs.some(({ kind }) => kind === 'hello') || this.#liveness.isLost(iface, source)
    return mayBeMet ? this.#meet(nowMs, iface, source) : undefined
  }

  #meet(nowMs: number, iface: Interface, address: string): Neighbour | undefined {
    if (iface.neighbours.size >= MAX_NEIGHBOURS_PER_INTERFACE && !this.#makeRoom(nowMs, iface))
      return undefined
    const neighbour = new Neighbour(iface, address, nowMs)
    iface.neighbours.set(address, neighbour)
    this.#departed.back(neighbour)
    this.#liveness.appeared(nowMs, neighbour)
    this.#world.output.neighbour('added', neighbour.view(nowMs), 'heard')
    return neighbour
  }

  /** Puts out who was not heard for the longest time, of those that are of no use. */
  #makeRoom(nowMs: number, iface: Interface): boolean {
    let useless: Neighbour | undefined
    for (const neighbour of iface.neighbours.values())
      if (neighbour.cost >= INFINITY && neighbour.lastHeardMs < (useless?.lastHeardMs ?? nowMs))
        useless = neighbour
    if (useless) this.#forget(nowMs, useless, 'too many')
    return useless !== undefined
  }

  /** What a packet says of the link: this before its routes, which may be of use at once. */
  #hearLink(
    nowMs: number,
    known: Neighbour,
    { tlvs, receivedMs, isLate: wasReadLate }: ReceivedPacket,
  ): void {
    let neighbour = known
    const { iface, address } = neighbour
    const isNew = !neighbour.wasGreeted
    let hello: Hello | undefined
    let ihu: Ihu | undefined
    for (const tlv of tlvs) {
      if (tlv.kind === 'hello') {
        const { helloIntervalMs } = iface.parameters
        const history = tlv.unicast ? neighbour.unicastHellos : neighbour.hellos
        if (history.hear(nowMs, tlv.seqno, tlv.intervalMs, helloIntervalMs) === 'restarted') {
          // RFC 8966, A.1: it knows nothing of us any more.
          this.#forget(nowMs, neighbour, 'goodbye')
          const again = this.#meet(nowMs, iface, address)
          if (again === undefined) return
          neighbour = again
          const fresh = tlv.unicast ? neighbour.unicastHellos : neighbour.hellos
          fresh.hear(nowMs, tlv.seqno, tlv.intervalMs, helloIntervalMs)
        }
        hello = tlv
      } else if (tlv.kind === 'ihu' && (tlv.address === undefined || tlv.address === iface.address)) ihu = tlv
    }
    if (ihu) this.#watch.heardIhu(nowMs, neighbour, ihu)
    if (hello?.sentUs !== undefined && !wasReadLate)
      neighbour.roundTrip.hear(receivedMs, hello.sentUs, ihu?.echo, iface.parameters)
    else if (hello) neighbour.roundTrip.forget()
    const hasOtherRtt = neighbour.noteRtt(nowMs)
    if ((hello || ihu) && !this.#recompute(nowMs, neighbour, 'heard') && hasOtherRtt)
      this.#world.output.neighbour('changed', neighbour.view(nowMs), 'heard')
    this.#watch.watch(neighbour)
    if (isNew || neighbour !== known) {
      neighbour.wasGreeted = true
      this.#acquisition.begin(nowMs, iface)
    }
  }

  #hear(nowMs: number, neighbour: Neighbour, tlv: Tlv): void {
    switch (tlv.kind) {
      case 'acknowledgment-request':
        this.#acknowledge(neighbour.iface, { source: neighbour.address, tlvs: [tlv] })
        return
      case 'acknowledgment':
        this.#updates.acknowledgments.hear(neighbour, tlv.opaque)
        return
      case 'hello':
      case 'ihu':
        return
      case 'update':
        neighbour.hasToldRoutes = true
        this.#routes.acquire(nowMs, neighbour, tlv)
        return
      case 'wildcard-retraction':
        this.#routes.retractAllOf(nowMs, neighbour)
        return
      case 'route-request':
        this.#hearRouteRequest(nowMs, neighbour, tlv)
        return
      case 'wildcard-request':
        if (this.#isRetracting || !this.#requests.mayAsk(nowMs, neighbour)) return
        // Who asks may not know that we hear it.
        this.#hellos.answer(nowMs, neighbour)
        this.#updates.dumpTo(nowMs, neighbour)
        return
      case 'seqno-request':
        if (!this.#isRetracting && this.#requests.mayAsk(nowMs, neighbour))
          this.#requests.hear(nowMs, neighbour, tlv)
        return
    }
  }

  /** RFC 8966, 3.3 */
  #acknowledge({ name }: Interface, { source, tlvs }: Pick<ReceivedPacket, 'source' | 'tlvs'>): void {
    for (const tlv of tlvs)
      if (tlv.kind === 'acknowledgment-request')
        this.#world.output.send(name, source, [{ kind: 'acknowledgment', opaque: tlv.opaque }])
  }

  /** RFC 8966, 3.8.1.1: an update, or a retraction. */
  #hearRouteRequest(nowMs: number, neighbour: Neighbour, destination: Destination): void {
    if (!this.#requests.mayAsk(nowMs, neighbour)) return
    const entry = this.#isRetracting ? undefined : this.#world.table.find(destination)
    if (entry) this.#updates.answer(nowMs, neighbour, entry)
    else this.#updates.deny(neighbour, destination)
  }

  /** Sets what we originate, all of it. */
  setLocalRoutes(nowMs: number, routes: readonly LocalRoute[]): void {
    this.#input(nowMs, () => this.#routes.setLocal(nowMs, routes))
  }

  /**
   * Sets which destinations are learnt from others; at first all are (RFC 8966, C).
   * @param passesOn which of those are told to others: what was told before is told no more only once it changes
   */
  setFilter(
    nowMs: number,
    accepts: (destination: Destination) => boolean,
    passesOn: (destination: Destination) => boolean = () => true,
  ): void {
    this.#input(nowMs, () => {
      this.#world.passesOn = passesOn
      this.#routes.setFilter(nowMs, accepts)
    })
  }

  /** Sets the parameters of an interface, at once if it is up. */
  setParameters(nowMs: number, name: string, parameters: LinkParameters): void {
    this.#input(nowMs, () => {
      this.#parameters.set(name, parameters)
      const iface = this.#world.interfaces.get(name)
      if (iface === undefined) return
      this.#sources.promising(parameters.updateIntervalMs)
      iface.parameters = parameters
      this.#updates.reschedule(nowMs, iface)
      this.#costsSet(nowMs, iface, iface.neighbours.values())
    })
  }

  /**
   * Sets which destinations new neighbours on an interface are likely to originate. They are asked for by name: babeld does
   * not tell all of its routes to whoever comes shortly after it told them to others.
   */
  expect(name: string, destinations: readonly Destination[]): void {
    this.#expected.set(name, destinations)
    const iface = this.#world.interfaces.get(name)
    if (iface) iface.expected = destinations
  }

  /** Makes a neighbour, or all on an interface, expensive, or cheap again. */
  setCost(nowMs: number, name: string, address: string | undefined, level: CostLevel): void {
    this.#input(nowMs, () => {
      if (address === undefined) this.#levels.setInterface(name, level)
      else this.#levels.setNeighbour(name, address, level)
      const iface = this.#world.interfaces.get(name)
      if (iface === undefined) return
      const neighbour = address === undefined ? undefined : iface.neighbours.get(address)
      if (address === undefined) this.#costsSet(nowMs, iface, iface.neighbours.values())
      else if (neighbour) this.#costsSet(nowMs, iface, [neighbour])
    })
  }

  /**
   * Makes every way over this router the last one that others take, or one like any other again. What comes from here, or is
   * for here, goes on.
   */
  setDraining(nowMs: number, isDraining: boolean): void {
    this.#input(nowMs, () => {
      this.#levels.setAll(isDraining ? 'draining' : 'normal')
      for (const iface of this.#world.interfaces.values())
        this.#costsSet(nowMs, iface, iface.neighbours.values())
    })
  }

  /** Whether all neighbours know the costs that were set, or do not answer. */
  get areCostsKnown(): boolean {
    return !this.#updates.acknowledgments.isWaitingFor(NO_ROUTES)
  }

  /**
   * Neighbours are told at once, with a hello that promises the interval that holds from now on (RFC 8966, 3.4.1), until they
   * acknowledge it.
   */
  #costsSet(nowMs: number, iface: Interface, neighbours: Iterable<Neighbour>): void {
    const concerned = [...neighbours]
    for (const neighbour of concerned) this.#recompute(nowMs, neighbour, undefined, true)
    if (concerned.length === 0) return this.#hellos.sendScheduled(nowMs, iface, concerned)
    const request = this.#updates.acknowledgments.expect(nowMs, concerned, NO_ROUTES)
    this.#hellos.sendScheduled(nowMs, iface, concerned, [request])
  }

  /**
   * Packets go to a neighbour, and nothing comes back from there.
   * @param sinceMs since when the kernel has asked it in vain
   */
  suspect(nowMs: number, name: string, address: string, sinceMs = nowMs): void {
    this.#input(nowMs, () => {
      const neighbour = this.#world.interfaces.get(name)?.neighbours.get(address)
      if (neighbour) this.#liveness.suspect(nowMs, neighbour, 'no answer', sinceMs)
    })
  }

  /**
   * A neighbour has answered the kernel: it is alive.
   * @param tookMs how long that took, if that is known
   */
  alive(nowMs: number, name: string, address: string, tookMs?: number): void {
    this.#input(nowMs, () => {
      const neighbour = this.#world.interfaces.get(name)?.neighbours.get(address)
      if (neighbour === undefined) return
      if (tookMs !== undefined) this.#liveness.answeredAfter(nowMs, neighbour, tookMs)
      this.#liveness.heard(nowMs, neighbour)
    })
  }

  /** It is known that a neighbour is gone. */
  neighbourGone(nowMs: number, name: string, address: string, cause: NeighbourCause): void {
    this.#input(nowMs, () => {
      const neighbour = this.#world.interfaces.get(name)?.neighbours.get(address)
      if (neighbour) this.#forget(nowMs, neighbour, cause)
    })
  }

  #forget(nowMs: number, neighbour: Neighbour, cause: NeighbourCause): void {
    const { iface, address } = neighbour
    if (!iface.neighbours.delete(address)) return
    const view = neighbour.view(nowMs)
    this.#departed.add(nowMs, neighbour, cause)
    this.#watch.forget(neighbour)
    this.#liveness.forget(neighbour)
    this.#updates.forget(neighbour)
    this.#requests.forget(neighbour)
    this.#routes.forget(nowMs, neighbour)
    this.#world.output.neighbour('flushed', view, cause)
  }

  /** @returns whether the cost is another one */
  #recompute(
    nowMs: number,
    neighbour: Neighbour,
    cause: NeighbourCause | undefined,
    isMeant = false,
  ): boolean {
    const wasUsable = neighbour.cost < INFINITY
    if (!neighbour.recompute(nowMs, isMeant)) return false
    // It may have asked before it could use the answer, or wait for the next periodic update, as babeld does.
    if (!wasUsable && !this.#isRetracting) this.#updates.dumpTo(nowMs, neighbour)
    this.#routes.costChanged(nowMs, neighbour)
    this.#world.output.neighbour('changed', neighbour.view(nowMs), cause)
    return true
  }

  /** Does what is due. */
  tick(nowMs: number): void {
    this.#input(nowMs, () => undefined)
  }

  #input(nowMs: number, action: () => void): void {
    const { timers } = this.#world
    const untilMs = catchingUpUntil(nowMs, timers.nextMs)
    if (untilMs !== undefined)
      this.#world.catchingUpUntilMs = Math.max(this.#world.catchingUpUntilMs, untilMs)
    action()
    timers.runDue(nowMs)
  }

  /** Tells all neighbours that nothing can be reached over us, and takes no more part. */
  retractAll(nowMs: number): void {
    this.#input(nowMs, () => {
      if (this.#isRetracting) return
      this.#isRetracting = true
      for (const iface of this.#world.interfaces.values()) {
        this.#acquisition.end(iface)
        this.#hellos.stop(iface)
      }
      this.#updates.retractAll(nowMs)
    })
  }

  /** Whether all neighbours have acknowledged that, or do not answer. */
  get isRetracted(): boolean {
    return this.#isRetracting && this.#updates.acknowledgments.isEmpty
  }

  /** All neighbours, or those on an interface. */
  neighbours(nowMs: number, iface?: string): NeighbourView[] {
    const neighbours =
      iface === undefined
        ? neighboursOf(this.#world)
        : (this.#world.interfaces.get(iface)?.neighbours.values() ?? [])
    return [...neighbours].map((neighbour) => neighbour.view(nowMs))
  }

  /** All candidates, or those for a prefix. */
  routes(prefix?: string): RouteView[] {
    const views: RouteView[] = []
    for (const entry of this.#world.table.entries.values()) {
      if (prefix !== undefined && entry.prefix !== prefix) continue
      if (entry.local) views.push(ownView(entry, this.#world.routerId, this.#world.seqno))
      for (const route of entry.routes) views.push(routeView(route))
    }
    return views
  }

  /** What is known of a destination, and why its packets go where they go. */
  explain(nowMs: number, destination: Destination): ExplanationView {
    const { prefix, from } = destination
    const entry = this.#world.table.find(destination)
    const candidates = (entry?.routes ?? []).map((route) =>
      candidateView(nowMs, route, this.#liveness.suspectedMs(route.neighbour)),
    )
    const former = this.#departed.of(destination)
    return { prefix, from, own: entry?.local !== undefined, candidates, former }
  }

  /** Sizes of the tables, for status and tests. */
  get sizes(): { readonly destinations: number; readonly sources: number; readonly requests: number } {
    return {
      destinations: this.#world.table.entries.size,
      sources: this.#sources.size,
      requests: this.#requests.size,
    }
  }
}

/** What also those send who do not hear us: they ask whether we are alive, or say that they take us for dead. */
const isOfWhoMissesUs = (tlv: Tlv): boolean =>
  tlv.kind === 'acknowledgment-request' || (tlv.kind === 'ihu' && tlv.rxcost >= INFINITY)
