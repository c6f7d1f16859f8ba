import type { Entry, Interface, Neighbour } from './model.ts'
import { Timer, type TimerQueue } from './timers.ts'

/** Where what is told is lost again and again, though small packets arrive: twice as long each time. */
const PAUSE_MS = { first: 1_000, last: 60_000 } as const
/**
 * Who has missed nothing for so long after it might have been told again has had what it was told, and a clean slate: before that,
 * copies may still be underway, of which nobody knows yet that they are lost.
 */
const FORGIVEN_MS = 60_000

interface Missed {
  readonly entries: Set<Entry>
  /** How often they were told again, and when they may be the next time. */
  times: number
  notBeforeMs: number
  /** It has answered before that time. */
  readonly timer: Timer
}

/** Tells a neighbour, which is to acknowledge it. @returns whether all on its interface were told, and are to acknowledge it */
type Tell = (nowMs: number, neighbour: Neighbour, entries: readonly Entry[]) => boolean

/**
 * What neighbours were told, and have not acknowledged however often: while a path is cut whose ends hold on to each other, say.
 * Who answers again is told what it has missed, which it would hear a periodic update later, and of a retraction never.
 */
export class MissedUpdates {
  readonly #timers: TimerQueue
  readonly #missed = new Map<Neighbour, Missed>()
  readonly #tell: Tell

  constructor(timers: TimerQueue, tell: Tell) {
    this.#timers = timers
    this.#tell = tell
  }

  /** A neighbour has not acknowledged what it was told of these. */
  add(nowMs: number, neighbour: Neighbour, entries: readonly Entry[]): void {
    if (entries.length === 0) return
    let missed = this.#missed.get(neighbour)
    if (missed && isForgiven(nowMs, missed)) missed.times = 0
    if (missed === undefined) {
      const timer = new Timer((nowMs) => this.answered(nowMs, neighbour))
      missed = { entries: new Set(), times: 0, notBeforeMs: Number.NEGATIVE_INFINITY, timer }
      this.#missed.set(neighbour, missed)
    }
    for (const entry of entries) missed.entries.add(entry)
  }

  /** It has acknowledged something. */
  answered(nowMs: number, neighbour: Neighbour): void {
    const missed = this.#missed.get(neighbour)
    if (missed === undefined) return
    if (nowMs < missed.notBeforeMs) {
      // It may be asked for nothing more by then.
      if (missed.entries.size > 0) this.#timers.setBy(missed.timer, missed.notBeforeMs)
      return
    }
    if (missed.entries.size === 0) {
      if (isForgiven(nowMs, missed)) this.forget(neighbour)
      return
    }
    const entries = [...missed.entries]
    missed.entries.clear()
    missed.notBeforeMs = nowMs + Math.min(PAUSE_MS.last, PAUSE_MS.first * 2 ** missed.times)
    missed.times++
    if (this.#tell(nowMs, neighbour, entries)) this.#toldAllOn(neighbour.iface, entries, missed)
  }

  /** Others there need not be told again: who does not acknowledge that either is noted again, and has waited as often. */
  #toldAllOn(iface: Interface, entries: readonly Entry[], { times, notBeforeMs }: Missed): void {
    for (const [neighbour, missed] of this.#missed) {
      if (neighbour.iface !== iface) continue
      for (const entry of entries) missed.entries.delete(entry)
      missed.times = Math.max(missed.times, times)
      missed.notBeforeMs = Math.max(missed.notBeforeMs, notBeforeMs)
    }
  }

  forget(neighbour: Neighbour): void {
    const missed = this.#missed.get(neighbour)
    if (missed) this.#timers.clear(missed.timer)
    this.#missed.delete(neighbour)
  }
}

const isForgiven = (nowMs: number, { notBeforeMs }: Missed): boolean => nowMs >= notBeforeMs + FORGIVEN_MS
