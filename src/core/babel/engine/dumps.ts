import { MOST_UNDERWAY } from './backlogs.ts'
import { take } from './chunks.ts'
import type { Entry, Neighbour } from './model.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** Packets that are sent at once, and the pause after them. */
const PACKETS_AT_ONCE = 8
const PAUSE_MS = 10
/** RFC 8966, 3.8.1.1: full dumps are rate-limited. */
const AGAIN_AFTER_MS = 1_000

interface Dump {
  rest: Iterator<Entry> | undefined
  /** Whether all destinations are among them. */
  isFull: boolean
  endedMs: number
  /** How many packets of it are not acknowledged yet. */
  underway: number
}

/** Tells a neighbour of some destinations. @param onFree to be called when more may be told */
type Tell = (
  nowMs: number,
  neighbour: Neighbour,
  entries: readonly Entry[],
  onFree: (nowMs: number) => void,
) => boolean

/** Full dumps: a neighbour is told of all routes, a part at a time, no faster than it acknowledges them. */
export class Dumps {
  readonly #world: World
  readonly #entriesAtOnce: number
  readonly #tell: Tell
  readonly #dumps = new Map<Neighbour, Dump>()
  readonly #timer = new Timer((nowMs) => this.#continue(nowMs))

  /** @param entriesAtOnce how many are told, and acknowledged, together */
  constructor(world: World, entriesAtOnce: number, tell: Tell) {
    this.#world = world
    this.#entriesAtOnce = entriesAtOnce
    this.#tell = tell
  }

  /** Begins one, unless one goes on or has just ended. */
  begin(nowMs: number, neighbour: Neighbour): void {
    const dump = this.#obtain(neighbour)
    if (dump.rest ? dump.isFull : nowMs < dump.endedMs + AGAIN_AFTER_MS) return
    const all = this.#world.table.reachable.values()
    dump.rest = dump.rest ? joined(all, dump.rest) : all
    dump.isFull = true
    this.#world.timers.setBy(this.#timer, nowMs)
  }

  /** Tells a neighbour of these, also where it is told of all: they may be among those that it was told of already. */
  tellAgain(nowMs: number, neighbour: Neighbour, entries: readonly Entry[]): void {
    const dump = this.#obtain(neighbour)
    dump.isFull &&= dump.rest !== undefined
    dump.rest = dump.rest ? joined(dump.rest, entries.values()) : entries.values()
    this.#world.timers.setBy(this.#timer, nowMs)
  }

  #obtain(neighbour: Neighbour): Dump {
    let dump = this.#dumps.get(neighbour)
    if (dump === undefined) {
      dump = { rest: undefined, isFull: false, endedMs: Number.NEGATIVE_INFINITY, underway: 0 }
      this.#dumps.set(neighbour, dump)
    }
    return dump
  }

  forget(neighbour: Neighbour): void {
    this.#dumps.delete(neighbour)
  }

  #continue(nowMs: number): void {
    let isUnfinished = false
    for (const [neighbour, dump] of this.#dumps) {
      const packets = Math.min(PACKETS_AT_ONCE, MOST_UNDERWAY - dump.underway)
      for (let packet = 0; packet < packets && dump.rest; packet++)
        this.#tellSome(nowMs, neighbour, dump, dump.rest)
      isUnfinished ||= dump.rest !== undefined
    }
    if (isUnfinished) this.#world.timers.setBy(this.#timer, nowMs + PAUSE_MS)
  }

  #tellSome(nowMs: number, neighbour: Neighbour, dump: Dump, rest: Iterator<Entry>): void {
    const entries = take(rest, this.#entriesAtOnce)
    if (entries.length < this.#entriesAtOnce) {
      dump.rest = undefined
      if (dump.isFull) dump.endedMs = nowMs
    }
    const onFree = () => {
      dump.underway--
    }
    if (this.#tell(nowMs, neighbour, entries, onFree)) dump.underway++
  }
}

function* joined(first: Iterator<Entry>, second: Iterator<Entry>): Generator<Entry> {
  for (const entries of [first, second])
    for (let next = entries.next(); next.done !== true; next = entries.next()) yield next.value
}
