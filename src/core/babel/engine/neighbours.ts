import { INFINITY } from '../metric.ts'
import type { Hello, Ihu } from '../wire/tlv.ts'
import type { Acquisition } from './acquisition.ts'
import type { Departed } from './departed.ts'
import type { Doubts } from './doubts.ts'
import { ihuFor } from './hellos.ts'
import type { Liveness } from './liveness.ts'
import { type Entry, type Interface, Neighbour } from './model.ts'
import type { NeighbourWatch } from './neighbour-watch.ts'
import type { NeighbourCause, ReceivedPacket } from './ports.ts'
import type { Requests } from './requests.ts'
import type { Routes } from './routes.ts'
import type { Updates } from './updates.ts'
import type { UsedLans } from './used-lans.ts'
import type { World } from './world.ts'

/** A server has fewer clients, a LAN fewer routers. More are made up. */
const MAX_PER_INTERFACE = 512
/** What a neighbour acknowledges that was told a cost alone. */
const NO_ROUTES: readonly Entry[] = []

/** Who is told of neighbours that come, change and go. */
interface NeighbourParts {
  readonly routes: Routes
  readonly updates: Updates
  readonly requests: Requests
  readonly acquisition: Acquisition
  readonly liveness: Liveness
  readonly usedLans: UsedLans
  readonly watch: NeighbourWatch
  readonly departed: Departed
  readonly doubts: Doubts
}

/** The neighbour table (RFC 8966, 3.2.4): who is there, and what the links to them cost. */
export class Neighbours {
  readonly #world: World
  readonly #parts: NeighbourParts

  constructor(world: World, parts: NeighbourParts) {
    this.#world = world
    this.#parts = parts
  }

  /** Somebody is there. @returns undefined if there are too many already */
  meet(nowMs: number, iface: Interface, address: string): Neighbour | undefined {
    if (iface.neighbours.size >= MAX_PER_INTERFACE && !this.#makeRoom(nowMs, iface)) return undefined
    const neighbour = new Neighbour(iface, address, nowMs)
    iface.neighbours.set(address, neighbour)
    this.#parts.departed.back(neighbour)
    this.#parts.liveness.appeared(neighbour)
    this.#parts.usedLans.appeared(nowMs, neighbour)
    this.#world.output.neighbour('added', neighbour.view(nowMs), 'heard')
    return neighbour
  }

  /** Puts out who was not heard for the longest time, of those that are of no use. */
  #makeRoom(nowMs: number, iface: Interface): boolean {
    let useless: Neighbour | undefined
    for (const neighbour of iface.neighbours.values())
      if (neighbour.cost >= INFINITY && neighbour.lastHeardMs < (useless?.lastHeardMs ?? nowMs))
        useless = neighbour
    if (useless) this.forget(nowMs, useless, 'too many')
    return useless !== undefined
  }

  /** What a packet says of the link: this before its routes, which may be of use at once. */
  hearLink(nowMs: number, known: Neighbour, packet: ReceivedPacket): void {
    const { tlvs, receivedMs, isLate: wasReadLate } = packet
    const { watch, acquisition } = this.#parts
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
          this.forget(nowMs, neighbour, 'goodbye')
          const again = this.meet(nowMs, iface, address)
          if (again === undefined) return
          neighbour = again
          const fresh = tlv.unicast ? neighbour.unicastHellos : neighbour.hellos
          fresh.hear(nowMs, tlv.seqno, tlv.intervalMs, helloIntervalMs)
        }
        hello = tlv
      } else if (tlv.kind === 'ihu' && (tlv.address === undefined || tlv.address === iface.address)) ihu = tlv
    }
    if (ihu) watch.heardIhu(nowMs, neighbour, ihu)
    if (hello?.sentUs !== undefined && !wasReadLate)
      neighbour.roundTrip.hear(receivedMs, hello.sentUs, ihu?.echo, iface.parameters)
    else if (hello) neighbour.roundTrip.forget()
    const hasOtherRtt = neighbour.noteRtt(nowMs)
    if ((hello || ihu) && !this.recompute(nowMs, neighbour, 'heard') && hasOtherRtt)
      this.#world.output.neighbour('changed', neighbour.view(nowMs), 'heard')
    watch.watch(neighbour)
    if (isNew || neighbour !== known) {
      neighbour.wasGreeted = true
      acquisition.begin(nowMs, iface)
    }
  }

  /** One is gone, for whatever reason. */
  forget(nowMs: number, neighbour: Neighbour, cause: NeighbourCause): void {
    this.forgetAll(nowMs, [neighbour], cause)
  }

  /** Several are gone at the same time: none of them is a way for what led over another. */
  forgetAll(nowMs: number, neighbours: readonly Neighbour[], cause: NeighbourCause): void {
    const { departed, doubts, watch, liveness, updates, requests, routes } = this.#parts
    const gone = neighbours
      .filter(
        (one) => one.iface.neighbours.get(one.address) === one && one.iface.neighbours.delete(one.address),
      )
      .map((neighbour) => ({ neighbour, view: neighbour.view(nowMs) }))
    for (const { neighbour } of gone) {
      departed.add(nowMs, neighbour, cause)
      neighbour.cost = INFINITY
      watch.forget(neighbour)
      liveness.forget(neighbour)
      doubts.forget(neighbour)
      updates.forget(nowMs, neighbour)
      requests.forget(neighbour)
    }
    for (const { neighbour } of gone) routes.forget(nowMs, neighbour)
    for (const { view } of gone) this.#world.output.neighbour('flushed', view, cause)
  }

  /** One does not answer, or does again: packets take another way if there is one, and others are told. */
  doubt(nowMs: number, neighbour: Neighbour, isDoubted: boolean): void {
    const { updates, routes } = this.#parts
    const wasUsable = neighbour.cost < INFINITY
    const hasOtherCost = neighbour.doubt(nowMs, isDoubted)
    // Perhaps it hears us, and only we do not hear it. That it is trusted again, it must know.
    const request = isDoubted ? [] : [updates.acknowledgments.expect(nowMs, [neighbour], NO_ROUTES)]
    this.#world.output.send(neighbour.iface.name, neighbour.address, [ihuFor(neighbour), ...request])
    if (!hasOtherCost) return
    routes.costChanged(nowMs, neighbour, wasUsable)
    this.#world.output.neighbour('changed', neighbour.view(nowMs), isDoubted ? 'no answer' : 'heard')
  }

  /**
   * The cost of one may be another.
   * @param isMeant whether somebody set it
   * @returns whether it is
   */
  recompute(
    nowMs: number,
    neighbour: Neighbour,
    cause: NeighbourCause | undefined,
    isMeant = false,
  ): boolean {
    const wasUsable = neighbour.cost < INFINITY
    if (!neighbour.recompute(nowMs, isMeant)) return false
    // It may have asked before it could use the answer, or wait for the next periodic update, as babeld does.
    if (!wasUsable && !this.#world.isRetracting) this.#parts.updates.dumpTo(nowMs, neighbour)
    this.#parts.routes.costChanged(nowMs, neighbour, wasUsable)
    this.#world.output.neighbour('changed', neighbour.view(nowMs), cause)
    return true
  }
}
