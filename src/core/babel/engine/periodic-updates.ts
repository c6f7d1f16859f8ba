import { take } from './chunks.ts'
import type { Entry, Interface } from './model.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** A little earlier than promised: a hello whose time comes shortly before, which is up to 5 % early itself, takes it along. */
const EARLY = 0.995
/** What is due so soon, in intervals, goes out with a hello: one packet instead of two. */
const WITH_HELLO = 0.06

interface Round {
  readonly timer: Timer
  rest: Iterator<Entry>
}

/** Periodic updates (RFC 8966, 3.7.1), spread over the interval instead of all at once. */
export class PeriodicUpdates {
  readonly #world: World
  readonly #entriesAtOnce: number
  readonly #tell: (nowMs: number, iface: Interface, entries: readonly Entry[]) => void
  readonly #rounds = new Map<Interface, Round>()

  /**
   * @param entriesAtOnce how many are told together
   * @param tell tells all on an interface of these
   */
  constructor(
    world: World,
    entriesAtOnce: number,
    tell: (nowMs: number, iface: Interface, entries: readonly Entry[]) => void,
  ) {
    this.#world = world
    this.#entriesAtOnce = entriesAtOnce
    this.#tell = tell
  }

  start(nowMs: number, iface: Interface): void {
    const timer = new Timer((laterMs) => this.#continue(laterMs, iface))
    this.#rounds.set(iface, { timer, rest: this.#world.table.reachable.values() })
    this.#world.timers.set(timer, nowMs + this.#pauseMs(iface) * this.#world.random.next())
  }

  stop(iface: Interface): void {
    const round = this.#rounds.get(iface)
    if (round) this.#world.timers.clear(round.timer)
    this.#rounds.delete(iface)
  }

  /** The interval has changed. */
  reschedule(nowMs: number, iface: Interface): void {
    const round = this.#rounds.get(iface)
    if (round) this.#world.timers.setBy(round.timer, nowMs + this.#pauseMs(iface))
  }

  /** A hello goes out: what is due soon goes with it, if it is told all at once anyway. */
  greeted(nowMs: number, iface: Interface): void {
    const round = this.#rounds.get(iface)
    if (round === undefined || this.#parts > 1) return
    if (round.timer.atMs <= nowMs + WITH_HELLO * iface.parameters.updateIntervalMs)
      this.#continue(nowMs, iface)
  }

  #continue(nowMs: number, iface: Interface): void {
    const round = this.#rounds.get(iface)
    if (round === undefined) return
    this.#world.timers.set(round.timer, nowMs + this.#pauseMs(iface))
    const entries = take(round.rest, this.#entriesAtOnce)
    if (entries.length < this.#entriesAtOnce) round.rest = this.#world.table.reachable.values()
    if (iface.neighbours.size > 0) this.#tell(nowMs, iface, entries)
  }

  #pauseMs({ parameters }: Interface): number {
    return (parameters.updateIntervalMs * EARLY) / this.#parts
  }

  get #parts(): number {
    return Math.max(1, Math.ceil((this.#world.table.reachable.size + 1) / this.#entriesAtOnce))
  }
}
