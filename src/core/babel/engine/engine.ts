import type { Random } from '../../random.ts'
import type { Destination, RouterId } from '../wire/tlv.ts'
import { CatchUps } from './catching-up.ts'
import { Interfaces } from './interfaces.ts'
import { Lateness } from './lateness.ts'
import type { Interface, Neighbour } from './model.ts'
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
  /** How many packets of others than us were sent over a LAN so far to one machine each, if that is known. */
  readonly sentByOthers?: (iface: string) => number | undefined
  /** How long a neighbour's answers to the kernel took lately, if that is known. */
  readonly usualAnswerMs?: (iface: string, address: string) => number | undefined
}

/**
 * A Babel router (RFC 8966) without sockets, kernel or clock. Everything that happens is an input with the time at which
 * it does; what is to be done comes out of `output` during the call. Whoever owns it calls {@link tick} at
 * {@link nextDeadlineMs}.
 */
export class BabelEngine {
  readonly #world: World & { readonly interfaces: Map<string, Interface> }
  readonly #parts: Parts
  readonly #interfaces: Interfaces
  readonly #catchUps = new CatchUps()

  constructor(settings: EngineSettings) {
    const { routerId, seqno, random, output } = settings
    const { arrivals = () => undefined, departures = () => undefined } = settings
    const { sentByOthers = () => undefined, usualAnswerMs = () => undefined } = settings
    this.#world = {
      routerId,
      random,
      output,
      arrivals,
      departures,
      sentByOthers,
      usualAnswerMs,
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
    this.#interfaces = new Interfaces(this.#world, this.#parts)
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
    this.#input(nowMs, () => this.#interfaces.up(nowMs, state))
  }

  /** Our IPv4 address on an interface came, changed or went: neighbours are told at once where to send IPv4 packets to. */
  setIpv4Address(nowMs: number, name: string, address: string | undefined): void {
    this.#input(nowMs, () => this.#interfaces.setIpv4Address(nowMs, name, address))
  }

  /** An interface cannot send any more, for now. */
  interfaceDown(nowMs: number, name: string): void {
    this.#input(nowMs, () => this.#interfaces.down(nowMs, name))
  }

  /** An interface is gone, and with it all that was said of its name: the next one that has it may lead elsewhere. */
  interfaceRemoved(nowMs: number, name: string): void {
    this.#input(nowMs, () => this.#interfaces.remove(nowMs, name))
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
    this.#input(nowMs, () => this.#interfaces.setParameters(nowMs, name, parameters))
  }

  /**
   * Sets which destinations new neighbours on an interface are likely to originate. They are asked for by name: babeld does
   * not tell all of its routes to whoever comes shortly after it told them to others.
   */
  expect(name: string, destinations: readonly Destination[]): void {
    this.#interfaces.expect(name, destinations)
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
   */
  suspect(nowMs: number, name: string, address: string, sinceMs = nowMs): void {
    this.#input(nowMs, () => {
      const neighbour = this.#neighbourAt(name, address)
      if (neighbour) this.#parts.liveness.suspect(nowMs, neighbour, 'no answer', sinceMs)
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
    const untilMs = this.#catchUps.untilMs(nowMs, timers.nextMs)
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
