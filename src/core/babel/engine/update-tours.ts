import { take } from './chunks.ts'
import type { Entry, Interface } from './model.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** A little earlier than promised: a hello whose time comes shortly before, which is up to 5 % early itself, takes it along. */
export const EARLY = 0.995
/** Of a table however large: what is told at once fills packets, and this process wakes up for it about once a second. */
const MOST_PARTS = 60

interface ToursInit {
  /** How many destinations are told together, at least. */
  readonly entriesAtOnce: number
  /** Whether there is still so much to tell that it is told on all interfaces together. */
  readonly isWorthwhile: () => boolean
  readonly tell: (nowMs: number, ifaces: readonly Interface[], entries: readonly Entry[]) => void
  /** There is little to tell now: an interface goes on alone. */
  readonly onEnded: (nowMs: number, iface: Interface) => void
}

/** Through all destinations, on all interfaces that have the same interval. */
interface Tour {
  readonly timer: Timer
  readonly ifaces: Set<Interface>
  rest: Iterator<Entry>
}

/**
 * Periodic updates of large tables: of the same part at the same time on all interfaces, which costs one look at each destination,
 * one packet that is made, and one time to wake up, instead of one for each interface. Who comes in the middle is told the rest
 * first.
 */
export class UpdateTours {
  readonly #world: World
  readonly #init: ToursInit
  /** By interval. */
  readonly #tours = new Map<number, Tour>()

  constructor(world: World, init: ToursInit) {
    this.#world = world
    this.#init = init
  }

  /** An interface is told a part with the others of its interval, from the next one on. */
  join(nowMs: number, iface: Interface): void {
    const { updateIntervalMs } = iface.parameters
    let tour = this.#tours.get(updateIntervalMs)
    if (tour === undefined) {
      const timer = new Timer((laterMs) => this.#continue(laterMs, updateIntervalMs))
      tour = { timer, ifaces: new Set(), rest: this.#world.table.reachable.values() }
      this.#tours.set(updateIntervalMs, tour)
      this.#world.timers.set(timer, nowMs)
    }
    tour.ifaces.add(iface)
  }

  /** Whether it is told with others of its interval. */
  has(iface: Interface): boolean {
    return this.#tours.get(iface.parameters.updateIntervalMs)?.ifaces.has(iface) ?? false
  }

  /** Its interval is another one, or it is not told anything any more. */
  leave(iface: Interface): void {
    for (const [intervalMs, { ifaces, timer }] of this.#tours) {
      if (!ifaces.delete(iface) || ifaces.size > 0) continue
      this.#world.timers.clear(timer)
      this.#tours.delete(intervalMs)
    }
  }

  #continue(nowMs: number, intervalMs: number): void {
    const tour = this.#tours.get(intervalMs)
    if (tour === undefined) return
    const ifaces = [...tour.ifaces]
    if (!this.#init.isWorthwhile()) {
      this.#tours.delete(intervalMs)
      for (const iface of ifaces) this.#init.onEnded(nowMs, iface)
      return
    }
    const { reachable } = this.#world.table
    const count = Math.max(this.#init.entriesAtOnce, Math.ceil(reachable.size / MOST_PARTS))
    const parts = Math.ceil((reachable.size + 1) / count)
    this.#world.timers.set(tour.timer, nowMs + (intervalMs * EARLY) / parts)
    const entries = take(tour.rest, count)
    if (entries.length < count) tour.rest = reachable.values()
    this.#init.tell(nowMs, ifaces, entries)
  }
}
