import { take } from './chunks.ts'
import type { Entry, Interface } from './model.ts'
import { Timer } from './timers.ts'
import { EARLY, UpdateTours } from './update-tours.ts'
import type { World } from './world.ts'

/** What is due so soon, in intervals, goes out with a hello: one packet instead of two. */
const WITH_HELLO = 0.06
/**
 * What is told in more parts is told on all interfaces at the same time, until it is told in fewer. Each change begins with the first part:
 * where a network was about as large, the last ones would never be told.
 */
const PARTS = { mostAlone: 4, fewestTogether: 3 } as const

interface Round {
  readonly timer: Timer
  rest: Iterator<Entry>
}

/** Periodic updates (RFC 8966, 3.7.1), spread over the interval instead of all at once. */
export class PeriodicUpdates {
  readonly #world: World
  readonly #entriesAtOnce: number
  readonly #tell: (nowMs: number, ifaces: readonly Interface[], entries: readonly Entry[]) => void
  readonly #rounds = new Map<Interface, Round>()
  readonly #tours: UpdateTours

  /**
   * @param entriesAtOnce how many are told together, of few
   * @param tell tells all on some interfaces of these
   */
  constructor(
    world: World,
    entriesAtOnce: number,
    tell: (nowMs: number, ifaces: readonly Interface[], entries: readonly Entry[]) => void,
  ) {
    this.#world = world
    this.#entriesAtOnce = entriesAtOnce
    this.#tell = tell
    this.#tours = new UpdateTours(world, {
      entriesAtOnce,
      isWorthwhile: () => this.#parts >= PARTS.fewestTogether,
      tell: (nowMs, ifaces, entries) => this.#tellThoseWhoHear(nowMs, ifaces, entries),
      onEnded: (nowMs, iface) => this.#beginRound(nowMs, iface),
    })
  }

  start(nowMs: number, iface: Interface): void {
    this.#rounds.set(iface, {
      timer: new Timer((laterMs) => this.#continue(laterMs, iface)),
      rest: this.#world.table.reachable.values(),
    })
    this.#beginRound(nowMs, iface)
  }

  stop(iface: Interface): void {
    const round = this.#rounds.get(iface)
    if (round) this.#world.timers.clear(round.timer)
    this.#rounds.delete(iface)
    this.#tours.leave(iface)
  }

  /** The interval may have changed. If not, all goes on: what began anew each time would come to no end. */
  reschedule(nowMs: number, iface: Interface): void {
    const round = this.#rounds.get(iface)
    if (round === undefined || this.#tours.has(iface)) return
    this.#tours.leave(iface)
    this.#world.timers.setBy(round.timer, nowMs + this.#pauseMs(iface))
  }

  /** A hello goes out: what is due soon goes with it, if it is told all at once anyway. */
  greeted(nowMs: number, iface: Interface): void {
    const round = this.#rounds.get(iface)
    if (round === undefined || this.#parts > 1) return
    if (round.timer.atMs <= nowMs + WITH_HELLO * iface.parameters.updateIntervalMs)
      this.#continue(nowMs, iface)
  }

  #beginRound(nowMs: number, iface: Interface): void {
    const round = this.#rounds.get(iface)
    if (round === undefined) return
    round.rest = this.#world.table.reachable.values()
    this.#world.timers.set(round.timer, nowMs + this.#pauseMs(iface) * this.#world.random.next())
  }

  #continue(nowMs: number, iface: Interface): void {
    const round = this.#rounds.get(iface)
    if (round === undefined) return
    if (this.#parts > PARTS.mostAlone) {
      this.#world.timers.clear(round.timer)
      return this.#tours.join(nowMs, iface)
    }
    this.#world.timers.set(round.timer, nowMs + this.#pauseMs(iface))
    const entries = take(round.rest, this.#entriesAtOnce)
    if (entries.length < this.#entriesAtOnce) round.rest = this.#world.table.reachable.values()
    this.#tellThoseWhoHear(nowMs, [iface], entries)
  }

  #tellThoseWhoHear(nowMs: number, ifaces: readonly Interface[], entries: readonly Entry[]): void {
    const heard = ifaces.filter(({ neighbours }) => neighbours.size > 0)
    if (heard.length > 0) this.#tell(nowMs, heard, entries)
  }

  #pauseMs({ parameters }: Interface): number {
    return (parameters.updateIntervalMs * EARLY) / this.#parts
  }

  get #parts(): number {
    return Math.max(1, Math.ceil((this.#world.table.reachable.size + 1) / this.#entriesAtOnce))
  }
}
