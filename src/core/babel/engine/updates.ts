import { isSignificantChange } from '../metric.ts'
import type { AcknowledgmentRequest, Destination, RouterId } from '../wire/tlv.ts'
import { Acknowledgments, mayBeAsked } from './acknowledgments.ts'
import { Announcements, retraction } from './announcements.ts'
import { Backlogs } from './backlogs.ts'
import { chunksOf, takeFirst } from './chunks.ts'
import { Dumps } from './dumps.ts'
import { ihuFor } from './hellos.ts'
import { isDrainingChange } from './levels.ts'
import { MissedUpdates } from './missed-updates.ts'
import type { Entry, Interface, Neighbour } from './model.ts'
import { PeriodicUpdates } from './periodic-updates.ts'
import type { Sources } from './sources.ts'
import { toldMetricOf } from './table.ts'
import { Timer } from './timers.ts'
import { between, type World } from './world.ts'

/** About a packet: what is acknowledged, and repeated, as one. */
const CHUNK = 40
/** What changes at the same time goes out together. Far below the 200 ms of RFC 8966, B: each hop adds it to an outage. */
const URGENT_MS = 5
const SOON_MS = { from: 200, to: 400 } as const
/** A flush sends so many at most; the rest in the next one. */
const FLUSH_MAX = 2_000
const COPIES_FOR_MANY = 2
const COPY_AFTER_MS = 300

/** Tells neighbours of our routes (RFC 8966, 3.7). */
export class Updates {
  readonly #world: World
  readonly #announcements: Announcements
  readonly acknowledgments: Acknowledgments
  readonly #urgent = new Set<Entry>()
  readonly #soon = new Set<Entry>()
  readonly #copies = new Map<Entry, number>()
  readonly #urgentTimer = new Timer((nowMs) => this.#flushUrgent(nowMs))
  readonly #soonTimer = new Timer((nowMs) => this.#flushSoon(nowMs))
  readonly #copyTimer = new Timer((nowMs) => this.#copy(nowMs))
  readonly #answers = new Map<Neighbour, Set<Entry>>()
  readonly #answerTimer = new Timer((nowMs) => this.#answer(nowMs))
  readonly #backlogs: Backlogs
  readonly #dumps: Dumps
  readonly #missed: MissedUpdates
  readonly #periodic: PeriodicUpdates

  /** @param onDistanceChanged what others announce may have become infeasible */
  constructor(
    world: World,
    sources: Sources,
    onDistanceChanged: (nowMs: number, entry: Entry) => void,
    onUnanswered: (nowMs: number, neighbour: Neighbour) => void,
  ) {
    this.#world = world
    this.#announcements = new Announcements(world, sources, onDistanceChanged)
    this.#backlogs = new Backlogs(world, CHUNK, (nowMs, iface, entries, onFree) =>
      this.#ask(nowMs, iface, undefined, entries, onFree),
    )
    this.#dumps = new Dumps(world, CHUNK, (nowMs, neighbour, entries, onFree) =>
      this.#ask(nowMs, neighbour.iface, neighbour, entries, onFree),
    )
    this.#periodic = new PeriodicUpdates(world, CHUNK, (nowMs, ifaces, entries) => {
      this.#sendTogether(nowMs, ifaces, entries)
      for (const entry of entries) if (!this.#urgent.has(entry)) this.#announcements.note(entry)
    })
    const repeat = (
      nowMs: number,
      neighbour: Neighbour,
      entries: readonly Entry[],
      request: AcknowledgmentRequest,
    ) => {
      const { iface, address } = neighbour
      const first = world.isRetracting ? ({ kind: 'wildcard-retraction' } as const) : ihuFor(neighbour)
      const updates = this.#announcements.of(nowMs, iface, entries)
      world.output.send(iface.name, address, [first, ...updates, request])
    }
    this.#missed = new MissedUpdates(world.timers, (nowMs, neighbour, entries) => {
      // Nothing is told any more that was to be told before.
      if (world.isRetracting) return true
      const { iface } = neighbour
      const areAllTold = mayBeAsked(iface)
      if (areAllTold) this.#backlogs.add(nowMs, iface, entries)
      else this.#dumps.tellAgain(nowMs, neighbour, entries)
      return areAllTold
    })
    this.acknowledgments = new Acknowledgments(world, repeat, (nowMs, neighbour, entries) => {
      this.#missed.add(nowMs, neighbour, entries)
      onUnanswered(nowMs, neighbour)
    })
  }

  /** A neighbour acknowledges something. */
  acknowledged(nowMs: number, neighbour: Neighbour, opaque: number): void {
    this.acknowledgments.hear(nowMs, neighbour, opaque)
    this.#missed.answered(nowMs, neighbour)
  }

  /** A hello goes out on an interface. */
  greeted(nowMs: number, iface: Interface): void {
    this.#periodic.greeted(nowMs, iface)
  }

  /** Begins the periodic updates of an interface (RFC 8966, 3.7.1). */
  start(nowMs: number, iface: Interface): void {
    this.#periodic.start(nowMs, iface)
  }

  stop(iface: Interface): void {
    this.#periodic.stop(iface)
    this.#backlogs.forget(iface)
  }

  /** The interval may have changed. */
  reschedule(nowMs: number, iface: Interface): void {
    this.#periodic.reschedule(nowMs, iface)
  }

  forget(nowMs: number, neighbour: Neighbour): void {
    this.#answers.delete(neighbour)
    this.#dumps.forget(neighbour)
    this.#missed.forget(neighbour)
    this.acknowledgments.forget(nowMs, neighbour)
  }

  /** The route to a destination may have changed: tells all, if that matters (RFC 8966, 3.7.2). */
  consider(nowMs: number, entry: Entry): void {
    const id = this.#routerIdOf(entry)
    if (id !== entry.announcedId) return this.#tellSoon(nowMs, entry)
    if (id === undefined) return
    if (isDrainingChange(entry.announcedMetric, toldMetricOf(entry))) return this.#tellSoon(nowMs, entry)
    if (!hasOtherMetric(entry)) return
    this.#soon.add(entry)
    this.#world.timers.setBy(this.#soonTimer, nowMs + between(this.#world.random, SOON_MS.from, SOON_MS.to))
  }

  #routerIdOf(entry: Entry): RouterId | undefined {
    return entry.local ? this.#world.routerId : entry.selected?.routerId
  }

  /** With what else changes at the same time. */
  #tellSoon(nowMs: number, entry: Entry): void {
    this.#urgent.add(entry)
    this.#world.timers.setBy(this.#urgentTimer, nowMs + URGENT_MS * this.#world.random.next())
  }

  /** Answers a request of a neighbour, at once. */
  answer(nowMs: number, neighbour: Neighbour, entry: Entry): void {
    const entries = this.#answers.get(neighbour)
    if (entries) entries.add(entry)
    else this.#answers.set(neighbour, new Set([entry]))
    this.#world.timers.setBy(this.#answerTimer, nowMs)
  }

  /** Answers a request for a destination of which we know nothing (RFC 8966, 3.8.1.1). */
  deny({ iface, address }: Neighbour, destination: Destination): void {
    this.#world.output.send(iface.name, address, [retraction(destination)])
  }

  /** Tells all of a destination, whether they know or not. */
  tellAgain(nowMs: number, entry: Entry): void {
    this.#urgent.add(entry)
    this.#world.timers.setBy(this.#urgentTimer, nowMs)
  }

  /** Tells a neighbour of all routes. */
  dumpTo(nowMs: number, neighbour: Neighbour): void {
    this.#dumps.begin(nowMs, neighbour)
  }

  /** Retracts everything: neighbours are to acknowledge that. */
  retractAll(nowMs: number): void {
    const { interfaces, output, table } = this.#world
    const own = [...table.reachable].filter(({ local }) => local)
    for (const iface of interfaces.values()) {
      this.stop(iface)
      if (iface.neighbours.size === 0) continue
      const retractions = own.map((entry) => retraction(entry))
      const request = this.acknowledgments.expect(nowMs, iface.neighbours.values(), own)
      output.send(iface.name, undefined, [{ kind: 'wildcard-retraction' }, ...retractions, request])
    }
  }

  #flushUrgent(nowMs: number): void {
    const entries = takeFirst(this.#urgent, FLUSH_MAX)
    for (const entry of entries) this.#soon.delete(entry)
    if (this.#urgent.size > 0) this.#world.timers.setBy(this.#urgentTimer, nowMs + URGENT_MS)
    this.#tell(nowMs, entries, true)
  }

  #flushSoon(nowMs: number): void {
    // Also what has changed back meanwhile, or was told with the periodic update of one interface: others have not heard of that.
    const entries = takeFirst(this.#soon, FLUSH_MAX)
    if (this.#soon.size > 0) this.#world.timers.setBy(this.#soonTimer, nowMs + URGENT_MS)
    this.#tell(nowMs, entries, false)
  }

  /** RFC 8966, 3.7.2: where neighbours are too many to acknowledge, they are told several times. */
  #copy(nowMs: number): void {
    const entries = [...this.#copies.keys()]
    for (const [entry, copies] of this.#copies) {
      if (copies > 1) this.#copies.set(entry, copies - 1)
      else this.#copies.delete(entry)
    }
    if (this.#copies.size > 0) this.#world.timers.setBy(this.#copyTimer, nowMs + COPY_AFTER_MS)
    for (const iface of this.#world.interfaces.values())
      if (!mayBeAsked(iface)) this.#send(nowMs, iface, entries)
  }

  #tell(nowMs: number, entries: readonly Entry[], isUrgent: boolean): void {
    let areMany = false
    for (const iface of this.#world.interfaces.values()) {
      if (iface.neighbours.size === 0) continue
      const isConfirmed = isUrgent || entries.length > CHUNK || this.#backlogs.has(iface)
      if (isConfirmed && mayBeAsked(iface)) this.#backlogs.add(nowMs, iface, entries)
      else this.#send(nowMs, iface, entries)
      areMany ||= isUrgent && !mayBeAsked(iface)
    }
    if (areMany) {
      for (const entry of entries) this.#copies.set(entry, COPIES_FOR_MANY - 1)
      this.#world.timers.setBy(this.#copyTimer, nowMs + COPY_AFTER_MS)
    }
    for (const entry of entries) this.#announcements.note(entry)
  }

  #answer(nowMs: number): void {
    const answers = [...this.#answers]
    this.#answers.clear()
    for (const [neighbour, entries] of answers) {
      const { iface, address } = neighbour
      const updates = [...entries].map((entry) => this.#announcements.answer(nowMs, iface, entry))
      for (const chunk of chunksOf(updates, CHUNK)) this.#world.output.send(iface.name, address, chunk)
    }
  }

  /** Tells all on an interface. */
  #send(nowMs: number, iface: Interface, entries: readonly Entry[]): void {
    for (const chunk of chunksOf(entries, CHUNK)) this.#sendTogether(nowMs, [iface], chunk)
  }

  #sendTogether(nowMs: number, ifaces: readonly Interface[], entries: readonly Entry[]): void {
    for (const [iface, updates] of this.#announcements.onAll(nowMs, ifaces, entries))
      if (updates.length > 0) this.#world.output.send(iface.name, undefined, updates)
  }

  /**
   * Tells one, or all on an interface, who are to acknowledge it.
   * @param onFree more may be told
   * @returns whether there was anything to tell
   */
  #ask(
    nowMs: number,
    iface: Interface,
    to: Neighbour | undefined,
    entries: readonly Entry[],
    onFree: (nowMs: number) => void,
  ): boolean {
    const updates = this.#announcements.of(nowMs, iface, entries)
    if (updates.length === 0) return false
    const request = this.acknowledgments.expect(nowMs, to ? [to] : iface.neighbours.values(), entries, onFree)
    this.#world.output.send(iface.name, to?.address, [...updates, request])
    return true
  }
}

/** Smaller differences: with the next update. */
const hasOtherMetric = (entry: Entry): boolean =>
  isSignificantChange(entry.announcedMetric, toldMetricOf(entry))
