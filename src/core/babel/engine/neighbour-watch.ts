import { INFINITY } from '../metric.ts'
import type { Ihu } from '../wire/tlv.ts'
import type { Neighbour } from './model.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** RFC 8966, B: IHU hold time. */
const IHU_HOLD_FACTOR = 3.5
/**
 * Two hellos in a row that did not come are no accident. On a LAN one is enough to ask: on a tunnel it would be the kernel that asks
 * as soon as there are packets, and a tunnel that is full loses hellos.
 */
const SUSPICIOUS_MISSES = { tunnel: 2, server: 2, lan: 1 } as const

/** Who is told of what is missing. */
export interface NeighbourWatchListener {
  costMayHaveChanged(nowMs: number, neighbour: Neighbour): void
  /** Hellos are missing: is it alive? */
  silent(nowMs: number, neighbour: Neighbour): void
  /** Nothing was heard for so long that it cannot be used whatever it answers (RFC 8966, 3.4.3). */
  dead(nowMs: number, neighbour: Neighbour): void
  /** It has not said for long that it hears us. */
  unheardThere(nowMs: number, neighbour: Neighbour): void
}
/** More than two hellos that are lost in a row. */
const UNGREETED_INTERVALS = 3

/** Notices hellos and IHUs that do not come (RFC 8966, 3.4, A.1). */
export class NeighbourWatch {
  readonly #world: World
  readonly #listener: NeighbourWatchListener
  readonly #timers = new Map<Neighbour, Timer>()

  constructor(world: World, listener: NeighbourWatchListener) {
    this.#world = world
    this.#listener = listener
  }

  /** RFC 8966, 3.4.2 */
  heardIhu(nowMs: number, neighbour: Neighbour, { rxcost, intervalMs }: Ihu): void {
    neighbour.txcost = rxcost
    neighbour.txcostUntilMs = nowMs + IHU_HOLD_FACTOR * intervalMs
  }

  /** Waits for what is due next from a neighbour. */
  watch(neighbour: Neighbour): void {
    let timer = this.#timers.get(neighbour)
    if (timer === undefined) {
      timer = new Timer((nowMs) => this.#missing(nowMs, neighbour))
      this.#timers.set(neighbour, timer)
    }
    const { hellos, unicastHellos, txcostUntilMs } = neighbour
    const dueMs = Math.min(hellos.deadlineMs, unicastHellos.deadlineMs, txcostUntilMs)
    this.#world.timers.set(timer, dueMs === Number.POSITIVE_INFINITY ? this.#greetedByMs(neighbour) : dueMs)
  }

  /** Until when one has to say hello that said something else: a packet may be late, and its sender gone. */
  #greetedByMs({ lastHeardMs, iface }: Neighbour): number {
    const untilMs = lastHeardMs + UNGREETED_INTERVALS * iface.parameters.helloIntervalMs
    return Math.max(untilMs, this.#world.catchingUpUntilMs)
  }

  forget(neighbour: Neighbour): void {
    const timer = this.#timers.get(neighbour)
    if (timer) this.#world.timers.clear(timer)
    this.#timers.delete(neighbour)
  }

  #missing(nowMs: number, neighbour: Neighbour): void {
    const kinds = [neighbour.hellos, neighbour.unicastHellos]
    if (nowMs < this.#world.catchingUpUntilMs) {
      for (const hellos of kinds) if (hellos.deadlineMs <= nowMs) hellos.wait(this.#world.catchingUpUntilMs)
      if (neighbour.txcostUntilMs <= nowMs) neighbour.txcostUntilMs = this.#world.catchingUpUntilMs
      this.watch(neighbour)
      return
    }
    for (const hellos of kinds) if (hellos.deadlineMs <= nowMs) hellos.miss()
    if (neighbour.txcostUntilMs <= nowMs) {
      neighbour.txcost = INFINITY
      neighbour.txcostUntilMs = Number.POSITIVE_INFINITY
      this.#listener.unheardThere(nowMs, neighbour)
    }
    if (kinds.every(({ isEmpty }) => isEmpty)) {
      this.#listener.dead(nowMs, neighbour)
      return
    }
    this.#listener.costMayHaveChanged(nowMs, neighbour)
    const suspicious = SUSPICIOUS_MISSES[neighbour.iface.kind]
    if (neighbour.missedHellos(suspicious) >= suspicious) this.#listener.silent(nowMs, neighbour)
    if (this.#timers.has(neighbour)) this.watch(neighbour)
  }
}
