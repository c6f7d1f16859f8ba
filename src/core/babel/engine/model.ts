import { INFINITY } from '../metric.ts'
import type { Destination, RouterId } from '../wire/tlv.ts'

import { HelloHistory } from './hello-history.ts'
import { DRAINING_COST, type Levels } from './levels.ts'
import type {
  CostLevel,
  InterfaceState,
  LinkKind,
  LinkParameters,
  LocalRoute,
  NeighbourView,
} from './ports.ts'
import { RouteNumbers, type RouteNumbersInit } from './route-numbers.ts'
import { RoundTrip, rttCost } from './rtt.ts'
import { halfLifeS, smoothedAt } from './smoothing.ts'

/** What each hello missed lately adds to the cost of a lossy link, in costs of a good one: expensive, not dead. */
const COSTS_PER_MISSED_HELLO = 4
const REMEMBERED_LOSSES = 8
/** More than a link that drains: that one still carries what it is given. Several in a row are still a way. */
const DOUBTED_COST = 12_000
/** A link that was doubted is taken again at once if it is so much better; else after a while. */
const AFTER_DOUBT = 200
/** A round-trip time that is so many times as long, or as short, is another one. */
const OTHER_RTT = 1.5

/** An interface on which we speak (RFC 8966, 3.2.3). */
export class Interface {
  readonly name: string
  readonly kind: LinkKind
  readonly address: string
  ipv4Address: string | undefined
  readonly neighbours = new Map<string, Neighbour>()
  parameters: LinkParameters
  /** How expensive its neighbours are made. */
  readonly levels: Levels
  /** What new neighbours are asked for by name. */
  expected: readonly Destination[] = []
  /** Of its next hello. */
  helloSeqno: number
  /** How many neighbours there have been. */
  met = 0
  /** How many routes its neighbours have announced. */
  routeCount = 0

  constructor(state: InterfaceState, parameters: LinkParameters, levels: Levels, helloSeqno: number) {
    this.name = state.name
    this.kind = state.kind
    this.address = state.address
    this.ipv4Address = state.ipv4Address
    this.parameters = parameters
    this.levels = levels
    this.helloSeqno = helloSeqno
  }

  /**
   * What neighbours are told to send packets to, for a prefix; undefined: where what they are told comes from, IPv4 over an IPv6 next
   * hop where we have no other (RFC 9229, 2.1).
   */
  nextHopFor(prefix: string): string | undefined {
    return prefix.includes(':') ? undefined : this.ipv4Address
  }

  /** Whether destinations that are told here and on another interface are told in the same words. */
  isToldLike(other: Interface): boolean {
    const isAsOften = this.parameters.updateIntervalMs === other.parameters.updateIntervalMs
    return isAsOften && this.ipv4Address === other.ipv4Address
  }
}

/** A router that we hear on an interface (RFC 8966, 3.2.4). */
export class Neighbour {
  readonly iface: Interface
  readonly address: string
  /** How many there had been before it. */
  readonly number: number
  readonly hellos = new HelloHistory()
  readonly unicastHellos = new HelloHistory()
  readonly roundTrip = new RoundTrip()
  /** What it announced, in no order. */
  readonly routes: Route[] = []
  /** How many of them packets take. */
  routesInUse = 0
  /** Where among them is the one that it is expected to tell of next. */
  nextSlot = 0
  /** What it says that sending to it costs, and until when that holds. */
  txcost = INFINITY
  txcostUntilMs = Number.POSITIVE_INFINITY
  lastHeardMs: number
  /** What the link costs now (RFC 8966, 3.4.3). */
  cost = INFINITY
  /** What it was told that sending to us costs. */
  toldRxcost = INFINITY
  /** Whether it told of routes since we know it. */
  hasToldRoutes = false
  /** Whether a request for all of its routes was not enough. */
  wasAskedByName = false
  /** Whether we have begun to greet it. */
  wasGreeted = false
  #isDoubted = false
  #countedTxcost = INFINITY
  #notedRttMs: number | undefined
  #smoothed = INFINITY
  #smoothedSinceS = 0

  constructor(iface: Interface, address: string, nowMs: number) {
    this.iface = iface
    this.address = address
    this.number = iface.met++
    this.lastHeardMs = nowMs
  }

  /** How expensive it is made: by itself, or because the whole interface is, or all are. */
  get level(): CostLevel {
    return this.iface.levels.of(this.iface.name, this.address)
  }

  /** What receiving from it costs: what it is told. */
  get rxcost(): number {
    // RFC 8966, 3.4.3: without hellos, the cost is infinite.
    const isSilent = this.hellos.isEmpty && this.unicastHellos.isEmpty
    return isSilent ? INFINITY : this.#doubtful(this.#levelled(this.iface.parameters.rxcost + this.#lossCost))
  }

  /** Nothing while two of the last three hellos arrived, as with babeld (RFC 8966, A.2.1). */
  get #lossCost(): number {
    if (this.missedHellos(3) < 2) return 0
    return this.iface.parameters.rxcost * COSTS_PER_MISSED_HELLO * this.missedHellos(REMEMBERED_LOSSES)
  }

  /** How many of the last hellos are missing, of the kind that arrives better. */
  missedHellos(count: number): number {
    const kinds = [this.hellos, this.unicastHellos].filter(({ isEmpty }) => !isEmpty)
    return kinds.length === 0 ? count : Math.min(...kinds.map((hellos) => hellos.missed(count)))
  }

  /**
   * Computes its cost anew.
   * @param isMeant whether somebody set it, here or, by its IHU, there: then there is nothing to wait for
   * @returns whether that changed it
   */
  recompute(nowMs: number, isMeant: boolean): boolean {
    const before = this.cost
    const cost = this.#currentCost(nowMs)
    const isSetThere = this.txcost !== this.#countedTxcost
    this.#countedTxcost = this.txcost
    if (cost === before) return false
    this.#smoothed = before >= INFINITY || isMeant || isSetThere ? cost : this.smoothedCost(nowMs)
    this.#smoothedSinceS = nowMs / 1000
    this.cost = cost
    return true
  }

  /** Whether it answers is doubted, and its cost therefore high. */
  get isDoubted(): boolean {
    return this.#isDoubted
  }

  /** Doubts it, or does no more. @returns whether that changed its cost */
  doubt(nowMs: number, isDoubted: boolean): boolean {
    this.#isDoubted = isDoubted
    if (!this.recompute(nowMs, true)) return false
    if (!isDoubted && this.cost < INFINITY) this.#smoothed = Math.min(INFINITY, this.cost + AFTER_DOUBT)
    return true
  }

  /** Whether the round-trip time is worth telling: not every one changes the cost. */
  noteRtt(nowMs: number): boolean {
    const rttMs = this.roundTrip.atMs(nowMs)
    if (rttMs === undefined) return false
    const before = this.#notedRttMs
    if (before !== undefined && rttMs < before * OTHER_RTT && before < rttMs * OTHER_RTT) return false
    this.#notedRttMs = rttMs
    return true
  }

  /** The cost on average, for hysteresis. */
  smoothedCost(nowMs: number): number {
    return smoothedAt(
      this.cost,
      this.#smoothed,
      this.#smoothedSinceS,
      nowMs,
      halfLifeS(this.iface.parameters),
    )
  }

  #currentCost(nowMs: number): number {
    if (this.txcost >= INFINITY || this.rxcost >= INFINITY) return INFINITY
    const rtt = rttCost(this.roundTrip.atMs(nowMs), this.iface.parameters)
    return this.#doubtful(this.#levelled(Math.max(1, this.txcost) + rtt + this.#lossCost))
  }

  #levelled(cost: number): number {
    switch (this.level) {
      case 'normal':
        return Math.min(cost, INFINITY - 1)
      case 'draining':
        return Math.min(Math.max(cost, DRAINING_COST), INFINITY - 1)
      case 'unusable':
        return INFINITY
    }
  }

  #doubtful(cost: number): number {
    return this.#isDoubted ? Math.max(cost, DOUBTED_COST) : cost
  }

  /** As users see it. */
  view(nowMs: number): NeighbourView {
    const { address, rxcost, txcost, cost, level, isDoubted } = this
    const rttMs = this.roundTrip.atMs(nowMs)
    return { iface: this.iface.name, address, rxcost, txcost, cost, rttMs, level, isDoubted }
  }
}

/** What a route is made of. */
interface RouteInit extends RouteNumbersInit {
  readonly entry: Entry
  readonly neighbour: Neighbour
  readonly routerId: RouterId
  readonly nextHop: string
}

/** A route that a neighbour announced (RFC 8966, 3.2.6). */
export class Route extends RouteNumbers {
  readonly entry: Entry
  readonly neighbour: Neighbour
  routerId: RouterId
  nextHop: string

  constructor(init: RouteInit) {
    super(init)
    this.entry = init.entry
    this.neighbour = init.neighbour
    this.routerId = init.routerId
    this.nextHop = init.nextHop
  }
}

/** A feasibility distance (RFC 8966, 3.2.5): the best that we ever told anybody of a router's way to a destination. */
export interface Source {
  readonly entry: Entry
  readonly routerId: RouterId
  seqno: number
  metric: number
  expiresMs: number
}

/** A destination with all that is known of it. */
export class Entry implements Destination {
  readonly prefix: string
  readonly from: string
  readonly key: string
  /** At most one from each neighbour. */
  routes: readonly Route[] = []
  /** One for each router-id. */
  sources: readonly Source[] = []
  selected: Route | undefined
  local: LocalRoute | undefined
  /** Where packets go now. */
  forwardedOver: string | undefined
  forwardedTo: string | undefined
  /** Until when packets that neighbours still send go nowhere; undefined: they do not. */
  unreachableUntilMs: number | undefined
  /** Whether somebody waits for that time. */
  isHoldWatched = false
  /** What neighbours were told last; undefined: nothing, or a retraction. */
  announcedId: RouterId | undefined
  announcedMetric = INFINITY
  /** What the neighbour in use said at last, ignored because there is no other way: others may have one. 0: nothing. */
  brokenMetric = 0

  constructor({ prefix, from }: Destination, key: string) {
    this.prefix = prefix
    this.from = from
    this.key = key
  }
}
