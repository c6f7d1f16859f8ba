import type { Random } from '../../random.ts'
import { TokenBucket } from '../../token-bucket.ts'
import type { Destination, RouterId } from '../wire/tlv.ts'
import { catchingUpUntil } from './catching-up.ts'
import { Lateness } from './lateness.ts'
import { Interface, type Neighbour } from './model.ts'
import { defaultParameters } from './parameters.ts'
import { assemble, type Parts } from './parts.ts'
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
import { RouteTable } from './table.ts'
import { TimerQueue } from './timers.ts'
import { candidateView, ownView, routeView } from './views.ts'
import { type Departures, neighboursOf, type World } from './world.ts'

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
  /** How many packets were sent over an interface so far, and how many were lost in our own queue, if that is known. */
  readonly departures?: (iface: string) => Departures | undefined
}

/**
 * How often it is waited for what may be there and not be read yet. On a machine so loaded that every run is late, that
 * would otherwise be always: whoever is gone would never be missed.
 */
const MAX_CATCH_UPS = 8
const CATCH_UPS_PER_SECOND = 0.2

/**
 * A Babel router (RFC 8966) without sockets, kernel or clock. Everything that happens is an input with the time at which
 * it does; what is to be done comes out of `output` during the call. Whoever owns it calls {@link tick} at
 * {@link nextDeadlineMs}.
 */
export class BabelEngine {
  readonly #world: World & { readonly interfaces: Map<string, Interface> }
  readonly #parameters = new Map<string, LinkParameters>()
  readonly #expected = new Map<string, readonly Destination[]>()
  readonly #parts: Parts
  readonly #catchUps = new TokenBucket(CATCH_UPS_PER_SECOND, MAX_CATCH_UPS)

  constructor(settings: EngineSettings) {
    const { routerId, seqno, random, output } = settings
    const { arrivals = () => undefined, departures = () => undefined } = settings
    this.#world = {
      routerId,
      random,
      output,
      arrivals,
      departures,
      seqno,
      timers: new TimerQueue(),
      table: new RouteTable(),
      interfaces: new Map(),
      isRetracting: false,
      catchingUpUntilMs: Number.NEGATIVE_INFINITY,
      lateness: new Lateness(),
      passesOn: () => true,
    }
    this.#parts = assemble(this.#world)
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
      const { levels, sources, hellos, updates, acquisition } = this.#parts
      const parameters = this.#parameters.get(state.name) ?? defaultParameters(state.kind)
      sources.promising(parameters.updateIntervalMs)
      const helloSeqno = Math.floor(this.#world.random.next() * 0x10000)
      const iface = new Interface(state, parameters, levels, helloSeqno)
      iface.expected = this.#expected.get(state.name) ?? []
      this.#world.interfaces.set(state.name, iface)
      if (this.#world.isRetracting) return
      hellos.start(iface)
      updates.start(nowMs, iface)
      acquisition.begin(nowMs, iface)
    })
  }

  /** Our IPv4 address on an interface came, changed or went: neighbours are told at once where to send IPv4 packets to. */
  setIpv4Address(nowMs: number, name: string, address: string | undefined): void {
    this.#input(nowMs, () => {
      const iface = this.#world.interfaces.get(name)
      if (iface === undefined || iface.ipv4Address === address) return
      iface.ipv4Address = address
      for (const entry of this.#world.table.reachable)
        if (!entry.prefix.includes(':')) this.#parts.updates.tellAgain(nowMs, entry)
    })
  }

  /** An interface cannot send any more, for now. */
  interfaceDown(nowMs: number, name: string): void {
    this.#input(nowMs, () => this.#down(nowMs, name))
  }

  /** An interface is gone, and with it all that was said of its name: the next one that has it may lead elsewhere. */
  interfaceRemoved(nowMs: number, name: string): void {
    this.#input(nowMs, () => {
      this.#parts.levels.forgetInterface(name)
      this.#expected.delete(name)
      this.#down(nowMs, name)
    })
  }

  #down(nowMs: number, name: string): void {
    const iface = this.#world.interfaces.get(name)
    if (iface === undefined) return
    const { hellos, updates, acquisition, neighbours, liveness } = this.#parts
    hellos.stop(iface)
    updates.stop(iface)
    acquisition.end(iface)
    // Nothing is sent to it any more.
    this.#world.interfaces.delete(name)
    neighbours.forgetAll(nowMs, [...iface.neighbours.values()], 'interface down')
    liveness.forgetInterface(iface)
  }

  /** A packet was received, and is authentic. */
  receive(nowMs: number, packet: ReceivedPacket): void {
    this.#input(nowMs, () => this.#parts.reception.receive(nowMs, packet))
  }

  /** Sets what we originate, all of it. */
  setLocalRoutes(nowMs: number, routes: readonly LocalRoute[]): void {
    this.#input(nowMs, () => this.#parts.routes.setLocal(nowMs, routes))
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
      this.#parts.routes.setFilter(nowMs, accepts)
    })
  }

  /** Sets the parameters of an interface, at once if it is up. */
  setParameters(nowMs: number, name: string, parameters: LinkParameters): void {
    this.#input(nowMs, () => {
      this.#parameters.set(name, parameters)
      const iface = this.#world.interfaces.get(name)
      if (iface === undefined) return
      this.#parts.sources.promising(parameters.updateIntervalMs)
      iface.parameters = parameters
      this.#parts.updates.reschedule(nowMs, iface)
      this.#parts.costs.wereSet(nowMs, iface)
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
    this.#input(nowMs, () => this.#parts.costs.set(nowMs, name, address, level))
  }

  /**
   * Makes every way over this router the last one that others take, or one like any other again. What comes from here, or is
   * for here, goes on.
   */
  setDraining(nowMs: number, isDraining: boolean): void {
    this.#input(nowMs, () => this.#parts.costs.setAll(nowMs, isDraining ? 'draining' : 'normal'))
  }

  /** Whether all neighbours know the costs that were set, or do not answer. */
  get areCostsKnown(): boolean {
    return this.#parts.costs.areKnown
  }

  /**
   * Packets go to a neighbour, and nothing comes back from there.
   * @param sinceMs since when the kernel has asked it in vain
   * @param usualMs how long its answers to the kernel took until then, if that is known
   */
  suspect(nowMs: number, name: string, address: string, sinceMs = nowMs, usualMs?: number): void {
    this.#input(nowMs, () => {
      const neighbour = this.#neighbourAt(name, address)
      if (neighbour) this.#parts.liveness.suspect(nowMs, neighbour, 'no answer', sinceMs, usualMs)
    })
  }

  /** A neighbour has answered the kernel: it is alive. */
  alive(nowMs: number, name: string, address: string): void {
    this.#input(nowMs, () => {
      const neighbour = this.#neighbourAt(name, address)
      if (neighbour) this.#parts.liveness.answered(nowMs, neighbour)
    })
  }

  /** It is known that a neighbour is gone. */
  neighbourGone(nowMs: number, name: string, address: string, cause: NeighbourCause): void {
    this.#input(nowMs, () => {
      const neighbour = this.#neighbourAt(name, address)
      if (neighbour) this.#parts.neighbours.forget(nowMs, neighbour, cause)
    })
  }

  #neighbourAt(name: string, address: string): Neighbour | undefined {
    return this.#world.interfaces.get(name)?.neighbours.get(address)
  }

  /** Does what is due. */
  tick(nowMs: number): void {
    this.#input(nowMs, () => undefined)
  }

  #input(nowMs: number, action: () => void): void {
    const { timers } = this.#world
    this.#world.lateness.ran(nowMs, timers.nextMs)
    const untilMs = catchingUpUntil(nowMs, timers.nextMs)
    if (untilMs !== undefined && this.#catchUps.take(nowMs))
      this.#world.catchingUpUntilMs = Math.max(this.#world.catchingUpUntilMs, untilMs)
    action()
    timers.runDue(nowMs)
  }

  /** Tells all neighbours that nothing can be reached over us, and takes no more part. */
  retractAll(nowMs: number): void {
    this.#input(nowMs, () => {
      if (this.#world.isRetracting) return
      this.#world.isRetracting = true
      for (const iface of this.#world.interfaces.values()) {
        this.#parts.acquisition.end(iface)
        this.#parts.hellos.stop(iface)
      }
      this.#parts.updates.retractAll(nowMs)
    })
  }

  /** Whether all neighbours have acknowledged that, or do not answer. */
  get isRetracted(): boolean {
    return this.#world.isRetracting && this.#parts.updates.acknowledgments.isEmpty
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
      candidateView(nowMs, route, this.#parts.liveness.suspectedMs(route.neighbour)),
    )
    const former = this.#parts.departed.of(destination)
    return { prefix, from, own: entry?.local !== undefined, candidates, former }
  }

  /** Sizes of the tables, for status and tests. */
  get sizes(): { readonly destinations: number; readonly sources: number; readonly requests: number } {
    return {
      destinations: this.#world.table.entries.size,
      sources: this.#parts.sources.size,
      requests: this.#parts.requests.size,
    }
  }
}
