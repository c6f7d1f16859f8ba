import { INFINITY } from '../metric.ts'
import type { Destination, OutgoingTlv, SeqnoRequest } from '../wire/tlv.ts'
import type { Acknowledgments } from './acknowledgments.ts'
import type { Hellos } from './hellos.ts'
import type { Interface, Neighbour } from './model.ts'
import { routeFrom } from './table.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/**
 * The second hello soon after the first: with two of them, babeld takes a link for one that works. The first packets of
 * both sides may be spent on challenges of their keys (RFC 8967, 4.3.1).
 */
const FIRST_PAUSE_MS = 100
const SECOND_PAUSE_MS = 150
/**
 * Who is heard, and has not said that it hears us, has heard one of two hellos, say: it is told again each second, for half a
 * minute. What it said was lost, or what we said, while it proved itself, or we; later, its own interval will do.
 */
const UNSURE_PAUSE_MS = 1_000
const ATTEMPTS_UNSURE = 30
/** How often a burst is sent on an interface where nobody answers, if new neighbours come by themselves. */
const ATTEMPTS_UNHEARD = 3
/** A neighbour that has answered so many requests without a route has none. */
const ATTEMPTS_WITHOUT_ROUTES = 5
/** Who has told of no route until then did not answer the request for all. */
const ANSWERED_BY_ATTEMPT = 2
/** So many of those that we know from others. */
const MAX_BY_NAME = 200

interface Burst {
  readonly timer: Timer
  attempts: number
  beganMs: number
  /** When those that are not sure were told last that they are heard. */
  toldMs: number
}

/**
 * How two routers on a new link come to use it within a few round trips (RFC 8966, 3.4), whatever their hello intervals:
 * hellos ahead of time, with IHUs and a request for all routes (3.8.1.1), until each side hears the other, again and again
 * with longer pauses.
 */
export class Acquisition {
  readonly #world: World
  readonly #hellos: Hellos
  readonly #acknowledgments: Acknowledgments
  readonly #bursts = new Map<Interface, Burst>()

  constructor(world: World, hellos: Hellos, acknowledgments: Acknowledgments) {
    this.#world = world
    this.#acknowledgments = acknowledgments
    this.#hellos = hellos
  }

  /** Begins, or begins anew: an interface came up, or somebody was heard for the first time. */
  begin(nowMs: number, iface: Interface): void {
    if (!this.#hellos.isSpeaking(iface)) return
    let burst = this.#bursts.get(iface)
    if (burst === undefined) {
      const timer = new Timer((laterMs) => this.#continue(laterMs, iface))
      burst = { timer, attempts: 0, beganMs: nowMs, toldMs: nowMs }
      this.#bursts.set(iface, burst)
    }
    // Many may come at the same time: a burst at its beginning serves them all.
    else if (burst.attempts <= 1) return this.#world.timers.setBy(burst.timer, nowMs)
    burst.attempts = 0
    burst.beganMs = nowMs
    this.#attempt(nowMs, iface, burst)
  }

  /**
   * Somebody is there who has not said hello: the one that it began with was lost, or came before it had proved itself (RFC
   * 8967, 4.3.1), and the next one may be a long hello interval away. Who hears ours answers with one. What we have said at the
   * beginning may have come before we had proved ourselves: it is said again as soon as that is done, and not after a pause.
   */
  heardWithoutHello(nowMs: number, iface: Interface): void {
    const burst = this.#bursts.get(iface)
    if (burst === undefined || nowMs - burst.beganMs >= UNSURE_PAUSE_MS) this.begin(nowMs, iface)
    else if (burst.attempts <= 1) this.#world.timers.setBy(burst.timer, nowMs)
  }

  /** Whether a neighbour is told in this moment, with a hello if there is one for it, that it is heard. */
  isTelling(nowMs: number, { iface, toldRxcost }: Neighbour): boolean {
    const burst = this.#bursts.get(iface)
    if (burst === undefined) return false
    return burst.toldMs === nowMs || (burst.timer.atMs <= nowMs && toldRxcost >= INFINITY)
  }

  end(iface: Interface): void {
    const burst = this.#bursts.get(iface)
    if (burst) this.#world.timers.clear(burst.timer)
    this.#bursts.delete(iface)
  }

  #continue(nowMs: number, iface: Interface): void {
    const burst = this.#bursts.get(iface)
    if (burst === undefined) return
    if (this.#isDone(iface, burst)) {
      this.end(iface)
      for (const neighbour of iface.neighbours.values()) this.#askForTheRest(neighbour)
    } else this.#attempt(nowMs, iface, burst)
  }

  #attempt(nowMs: number, iface: Interface, burst: Burst): void {
    burst.toldMs = nowMs
    // Where nobody is known, nobody can miss too many.
    if (iface.neighbours.size > 0 && !this.#hellos.mayHurry(nowMs, iface)) {
      // Who is new need not wait for all of that.
      for (const neighbour of iface.neighbours.values())
        if (neighbour.toldRxcost >= INFINITY && neighbour.rxcost < INFINITY)
          this.#hellos.tell(neighbour, this.#requests(iface))
      this.#world.timers.set(burst.timer, nowMs + this.#hellos.crowdedMs(nowMs, iface))
      return
    }
    burst.attempts++
    const unsure = [...iface.neighbours.values()].filter((neighbour) => !this.#isAgreed(neighbour, burst))
    const growingMs = burst.attempts === 1 ? FIRST_PAUSE_MS : SECOND_PAUSE_MS * 2 ** (burst.attempts - 2)
    const isAwaited = unsure.length > 0 && burst.attempts <= ATTEMPTS_UNSURE
    const pauseMs = isAwaited ? Math.min(growingMs, UNSURE_PAUSE_MS) : growingMs
    // From here on the scheduled hellos are as frequent.
    if (pauseMs >= iface.parameters.helloIntervalMs && burst.attempts > 2) this.end(iface)
    else this.#world.timers.set(burst.timer, nowMs + pauseMs * (1 + this.#world.random.next() / 10))
    this.#hellos.sendScheduled(nowMs, iface, unsure, iface.neighbours.size === 0 ? this.#requests(iface) : [])
    // Who is asked for routes says that it hears us, too.
    for (const neighbour of unsure)
      if (!neighbour.hasToldRoutes || neighbour.txcost >= INFINITY) this.#ask(neighbour, burst)
  }

  #ask(neighbour: Neighbour, { attempts }: Burst): void {
    if (attempts >= ANSWERED_BY_ATTEMPT && !neighbour.hasToldRoutes) neighbour.wasAskedByName = true
    this.#world.output.send(neighbour.iface.name, neighbour.address, this.#requests(neighbour.iface))
  }

  /**
   * Asks for all routes. The request for an acknowledgment stands first: babeld adds its IHU to the answer to that, which
   * goes out at once, and without it a second later. babeld answers a request for all routes only if it told all of them
   * of none for ten hello intervals.
   */
  #requests({ expected }: Interface): OutgoingTlv[] {
    const byName = expected.map((destination) => this.#requestFor(destination))
    return [this.#acknowledgments.probe(), { kind: 'wildcard-request' }, ...byName]
  }

  /**
   * Asks for a single route. A request for a sequence number of another router is answered with an update as well (RFC
   * 8966, 3.8.1.2), which babeld sends within 0.1 s; for a plain one it takes 4 s.
   */
  #requestFor({ prefix, from }: Destination): SeqnoRequest {
    return { kind: 'seqno-request', prefix, from, routerId: this.#world.routerId, seqno: 0, hopCount: 1 }
  }

  /** Asks one that does not tell all of its routes for other ways to what we know: they come a minute later otherwise. */
  #askForTheRest(neighbour: Neighbour): void {
    if (!neighbour.wasAskedByName) return
    neighbour.wasAskedByName = false
    const requests: SeqnoRequest[] = []
    for (const entry of this.#world.table.reachable) {
      if (requests.length >= MAX_BY_NAME) break
      if (entry.local || routeFrom(entry, neighbour)) continue
      requests.push(this.#requestFor(entry))
    }
    if (requests.length > 0) this.#world.output.send(neighbour.iface.name, neighbour.address, requests)
  }

  #isDone(iface: Interface, burst: Burst): boolean {
    if (iface.neighbours.size === 0) return iface.kind !== 'tunnel' && burst.attempts >= ATTEMPTS_UNHEARD
    // babeld needs the second one.
    return burst.attempts >= 2 && [...iface.neighbours.values()].every((one) => this.#isAgreed(one, burst))
  }

  #isAgreed(neighbour: Neighbour, { attempts }: Burst): boolean {
    const { txcost, rxcost, toldRxcost, level, hasToldRoutes } = neighbour
    if (level === 'unusable') return true
    const isHeard = txcost < INFINITY && rxcost < INFINITY && toldRxcost < INFINITY
    return isHeard && (hasToldRoutes || attempts >= ATTEMPTS_WITHOUT_ROUTES)
  }
}
