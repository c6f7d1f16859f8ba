import type { Entry, Neighbour } from './model.ts'

/** Where what is told is lost again and again, though small packets arrive: twice as long each time. */
const PAUSE_MS = { first: 1_000, last: 60_000 } as const

interface Missed {
  readonly entries: Set<Entry>
  /** How often they were told again, and when they may be the next time. */
  times: number
  notBeforeMs: number
}

/**
 * What neighbours were told, and have not acknowledged however often: while a path is cut whose ends hold on to each other, say.
 * Who answers again is told what it has missed, which it would hear a periodic update later, and of a retraction never.
 */
export class MissedUpdates {
  readonly #missed = new Map<Neighbour, Missed>()
  readonly #tell: (nowMs: number, neighbour: Neighbour, entries: readonly Entry[]) => void

  /** @param tell tells a neighbour, which is to acknowledge it */
  constructor(tell: (nowMs: number, neighbour: Neighbour, entries: readonly Entry[]) => void) {
    this.#tell = tell
  }

  /** A neighbour has not acknowledged what it was told of these. */
  add(neighbour: Neighbour, entries: readonly Entry[]): void {
    if (entries.length === 0) return
    let missed = this.#missed.get(neighbour)
    if (missed === undefined) {
      missed = { entries: new Set(), times: 0, notBeforeMs: Number.NEGATIVE_INFINITY }
      this.#missed.set(neighbour, missed)
    }
    for (const entry of entries) missed.entries.add(entry)
  }

  /** It has acknowledged something. */
  answered(nowMs: number, neighbour: Neighbour): void {
    const missed = this.#missed.get(neighbour)
    if (missed === undefined || nowMs < missed.notBeforeMs) return
    if (missed.entries.size === 0) return this.forget(neighbour)
    const entries = [...missed.entries]
    missed.entries.clear()
    missed.notBeforeMs = nowMs + Math.min(PAUSE_MS.last, PAUSE_MS.first * 2 ** missed.times)
    missed.times++
    this.#tell(nowMs, neighbour, entries)
  }

  forget(neighbour: Neighbour): void {
    this.#missed.delete(neighbour)
  }
}
