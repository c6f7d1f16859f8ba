import { take } from './chunks.ts'
import type { Entry, Neighbour } from './model.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** Destinations that are sent at once, and the pause after them. */
const ENTRIES_AT_ONCE = 320
const PAUSE_MS = 10
/** RFC 8966, 3.8.1.1: full dumps are rate-limited. */
const AGAIN_AFTER_MS = 1_000

interface Dump {
  rest: Iterator<Entry> | undefined
  endedMs: number
}

/** Full dumps: a neighbour is told of all routes, a part at a time. */
export class Dumps {
  readonly #world: World
  readonly #tell: (nowMs: number, neighbour: Neighbour, entries: readonly Entry[]) => void
  readonly #dumps = new Map<Neighbour, Dump>()
  readonly #timer = new Timer((nowMs) => this.#continue(nowMs))

  /** @param tell tells a neighbour of these */
  constructor(world: World, tell: (nowMs: number, neighbour: Neighbour, entries: readonly Entry[]) => void) {
    this.#world = world
    this.#tell = tell
  }

  /** Begins one, unless one goes on or has just ended. */
  begin(nowMs: number, neighbour: Neighbour): void {
    const dump = this.#dumps.get(neighbour)
    if (dump && (dump.rest || nowMs < dump.endedMs + AGAIN_AFTER_MS)) return
    this.#dumps.set(neighbour, { rest: this.#world.table.reachable.values(), endedMs: nowMs })
    this.#world.timers.setBy(this.#timer, nowMs)
  }

  forget(neighbour: Neighbour): void {
    this.#dumps.delete(neighbour)
  }

  #continue(nowMs: number): void {
    let isUnfinished = false
    for (const [neighbour, dump] of this.#dumps) {
      if (dump.rest) {
        const entries = take(dump.rest, ENTRIES_AT_ONCE)
        if (entries.length < ENTRIES_AT_ONCE) {
          dump.rest = undefined
          dump.endedMs = nowMs
        }
        this.#tell(nowMs, neighbour, entries)
      }
      isUnfinished ||= dump.rest !== undefined
    }
    if (isUnfinished) this.#world.timers.setBy(this.#timer, nowMs + PAUSE_MS)
  }
}
