import { takeFirst } from './chunks.ts'
import type { Entry, Interface } from './model.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/**
 * How many packets may be underway that nobody has acknowledged yet: enough for tens of thousands of destinations a second on
 * a link with a round-trip time of ten milliseconds, and not more than a slow one carries until the first one is repeated.
 */
export const MOST_UNDERWAY = 16
/** Of what is retracted more may be: a neighbour that has stopped to answer is not to keep it from others. */
const MORE_RETRACTED = 4

/**
 * Tells of some destinations.
 * @param onFree to be called when more may be told
 * @returns whether there was anything to tell; if not, nobody calls that
 */
type Tell = (
  nowMs: number,
  iface: Interface,
  entries: readonly Entry[],
  onFree: (nowMs: number) => void,
) => boolean

interface Backlog {
  /** Of these, packets come that go nowhere. */
  readonly retracted: Set<Entry>
  readonly others: Set<Entry>
  underway: number
}

/**
 * What the neighbours on each interface are to be told, as fast as they acknowledge it: many changes at once would keep a
 * neighbour from answering, which then seems to be dead. What changes again while it waits is told once, as it is by then.
 */
export class Backlogs {
  readonly #world: World
  readonly #entriesAtOnce: number
  readonly #tell: Tell
  readonly #backlogs = new Map<Interface, Backlog>()
  readonly #timer = new Timer((nowMs) => {
    for (const [iface, backlog] of this.#backlogs) this.#continue(nowMs, iface, backlog)
  })

  /** @param entriesAtOnce how many are told, and acknowledged, together */
  constructor(world: World, entriesAtOnce: number, tell: Tell) {
    this.#world = world
    this.#entriesAtOnce = entriesAtOnce
    this.#tell = tell
  }

  /** Whether anything was told on an interface and is not acknowledged, or waits to be told. */
  has(iface: Interface): boolean {
    return this.#backlogs.has(iface)
  }

  /** Tells the neighbours on an interface of these, behind what they are to be told already; of what is retracted, first. */
  add(nowMs: number, iface: Interface, entries: readonly Entry[]): void {
    let backlog = this.#backlogs.get(iface)
    if (backlog === undefined) {
      backlog = { retracted: new Set(), others: new Set(), underway: 0 }
      this.#backlogs.set(iface, backlog)
    }
    for (const entry of entries) put(backlog, entry)
    this.#continue(nowMs, iface, backlog)
  }

  /** Nothing more is told on an interface. */
  forget(iface: Interface): void {
    this.#backlogs.delete(iface)
  }

  #continue(nowMs: number, iface: Interface, backlog: Backlog): void {
    // Who comes later is told everything.
    if (iface.neighbours.size === 0) for (const set of [backlog.retracted, backlog.others]) set.clear()
    const onFree = (laterMs: number) => {
      backlog.underway--
      // Not at once: neighbours are being forgotten, perhaps.
      this.#world.timers.setBy(this.#timer, laterMs)
    }
    while (backlog.underway < MOST_UNDERWAY + (backlog.retracted.size > 0 ? MORE_RETRACTED : 0)) {
      const entries = takeFirst(backlog.retracted, this.#entriesAtOnce)
      entries.push(...takeFirst(backlog.others, this.#entriesAtOnce - entries.length))
      if (entries.length === 0) break
      if (this.#tell(nowMs, iface, entries, onFree)) backlog.underway++
    }
    if (backlog.underway === 0 && this.#backlogs.get(iface) === backlog) this.#backlogs.delete(iface)
  }
}

function put({ retracted, others }: Backlog, entry: Entry): void {
  if (entry.local || entry.selected) {
    if (!retracted.has(entry)) others.add(entry)
    return
  }
  others.delete(entry)
  retracted.add(entry)
}
