import { ExpiryWheel } from './expiry-wheel.ts'
import type { Entry } from './model.ts'
import type { World } from './world.ts'

/** Better routes that have yet to prove themselves are looked at when they will have, to that precision. */
const RECHECK_MS = 500

/** Destinations with a better route that has yet to prove itself, and when it will have. */
export class Rechecks {
  readonly #times = new Map<Entry, number>()
  readonly #wheel: ExpiryWheel<Entry>

  /** @param look looks at a destination again */
  constructor(world: World, look: (nowMs: number, entry: Entry) => void) {
    const due = (entry: Entry, nowMs: number): undefined => {
      // It was looked at earlier, if not: what came between asked for another time.
      if (this.#timeOf(entry) > nowMs) return
      this.#times.delete(entry)
      look(nowMs, entry)
    }
    this.#wheel = new ExpiryWheel(world.timers, due, RECHECK_MS)
  }

  /** Looks at a destination after that time, if not earlier. */
  after(nowMs: number, entry: Entry, ms: number): void {
    const atMs = nowMs + Math.max(ms, RECHECK_MS)
    if (this.#timeOf(entry) <= atMs) return
    this.#times.set(entry, atMs)
    this.#wheel.add(entry, atMs)
  }

  #timeOf(entry: Entry): number {
    return this.#times.get(entry) ?? Number.POSITIVE_INFINITY
  }
}
