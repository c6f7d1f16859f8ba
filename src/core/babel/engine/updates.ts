import { INFINITY } from '../metric.ts'
import type { AcknowledgmentRequest, Destination, OutgoingTlv, Update } from '../wire/tlv.ts'
import { Acknowledgments, mayBeAsked } from './acknowledgments.ts'
import { ihuFor } from './hellos.ts'
import { isDrainingChange } from './levels.ts'
import type { Entry, Interface, Neighbour, Route } from './model.ts'
import { isOlder, seqnoMinus } from './seqno.ts'
import { type Sources, sourceOf } from './sources.ts'
import { metricOf } from './table.ts'
import { Timer } from './timers.ts'
import { between, type World } from './world.ts'

/** About a packet: what is acknowledged, and repeated, as one. */
const CHUNK = 40
/** What changes at the same time goes out together. Far below the 200 ms of RFC 8966, B: each hop adds it to an outage. */
const URGENT_MS = 5
const SOON_MS = { from: 200, to: 400 } as const
/** A change of the metric of which neighbours hear at once: a link more or less. Smaller ones: with the next update. */
const SIGNIFICANT_CHANGE = 96
/**
 * A metric that was announced before may be exceeded by so much with the same sequence number: less than a link costs, so
 * that it is still feasible for those behind us.
 */
const FLUCTUATION = 48
/**
 * How far the number that is announced may stay behind: had it gone round meanwhile, the one of the route in use would be
 * the older one.
 */
const MAX_LAG = 64
/** A little earlier than promised. */
const EARLY = 0.97
/** Destinations of a full dump that are sent at once, and the pause after them. */
const DUMP_CHUNKS = 8
const DUMP_PAUSE_MS = 10
/** RFC 8966, 3.8.1.1: full dumps are rate-limited. */
const DUMP_AGAIN_AFTER_MS = 1_000
/** A flush sends so many at most; the rest in the next one. */
const FLUSH_MAX = 2_000
const COPIES_FOR_MANY = 2
const COPY_AFTER_MS = 300

interface Dump {
  rest: Iterator<Entry> | undefined
  endedMs: number
}

interface Periodic {
  readonly timer: Timer
  rest: Iterator<Entry>
}

/** Tells neighbours of our routes (RFC 8966, 3.7). */
export class Updates {
  readonly #world: World
  readonly #sources: Sources
  readonly #onDistanceChanged: (nowMs: number, entry: Entry) => void
  readonly acknowledgments: Acknowledgments
  readonly #urgent = new Set<Entry>()
  readonly #soon = new Set<Entry>()
  readonly #copies = new Map<Entry, number>()
  readonly #urgentTimer = new Timer((nowMs) => this.#flushUrgent(nowMs))
  readonly #soonTimer = new Timer((nowMs) => this.#flushSoon(nowMs))
  readonly #copyTimer = new Timer((nowMs) => this.#copy(nowMs))
  readonly #answers = new Map<Neighbour, Set<Entry>>()
  readonly #answerTimer = new Timer((nowMs) => this.#answer(nowMs))
  readonly #dumps = new Map<Neighbour, Dump>()
  readonly #dumpTimer = new Timer((nowMs) => this.#dump(nowMs))
  readonly #periodic = new Map<Interface, Periodic>()
  #hasEnded = false

  /** @param onDistanceChanged what others announce may have become infeasible */
  constructor(
    world: World,
    sources: Sources,
    onDistanceChanged: (nowMs: number, entry: Entry) => void,
    onUnanswered: (nowMs: number, neighbour: Neighbour) => void,
  ) {
    this.#world = world
    this.#sources = sources
    this.#onDistanceChanged = onDistanceChanged
    const repeat = (
      nowMs: number,
      neighbour: Neighbour,
      entries: readonly Entry[],
      request: AcknowledgmentRequest,
    ) => {
      const { iface, address } = neighbour
      const first = this.#hasEnded ? ({ kind: 'wildcard-retraction' } as const) : ihuFor(neighbour)
      world.output.send(iface.name, address, [first, ...this.#updates(nowMs, iface, entries), request])
    }
    this.acknowledgments = new Acknowledgments(world, repeat, onUnanswered)
  }

  /** Begins the periodic updates of an interface (RFC 8966, 3.7.1). */
  start(nowMs: number, iface: Interface): void {
    const timer = new Timer((laterMs) => this.#tellPart(laterMs, iface))
    this.#periodic.set(iface, { timer, rest: this.#world.table.reachable.values() })
    this.#world.timers.set(timer, nowMs + this.#pauseMs(iface) * this.#world.random.next())
  }

  stop(iface: Interface): void {
    const periodic = this.#periodic.get(iface)
    if (periodic) this.#world.timers.clear(periodic.timer)
    this.#periodic.delete(iface)
  }

  /** The interval has changed. */
  reschedule(nowMs: number, iface: Interface): void {
    const periodic = this.#periodic.get(iface)
    if (periodic) this.#world.timers.setBy(periodic.timer, nowMs + this.#pauseMs(iface))
  }

  forget(neighbour: Neighbour): void {
    this.#answers.delete(neighbour)
    this.#dumps.delete(neighbour)
    this.acknowledgments.forget(neighbour)
  }

  /** The route to a destination may have changed: tells all, if that matters (RFC 8966, 3.7.2). */
  consider(nowMs: number, entry: Entry): void {
    const id = entry.local ? this.#world.routerId : entry.selected?.routerId
    if (id !== entry.announcedId) return this.#tellSoon(nowMs, entry)
    if (id === undefined) return
    const metric = entry.local?.metric ?? (entry.selected ? metricOf(entry.selected) : INFINITY)
    if (isDrainingChange(entry.announcedMetric, metric)) return this.#tellSoon(nowMs, entry)
    if (Math.abs(metric - entry.announcedMetric) < SIGNIFICANT_CHANGE) return
    this.#soon.add(entry)
    this.#world.timers.setBy(this.#soonTimer, nowMs + between(this.#world.random, SOON_MS.from, SOON_MS.to))
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
    const dump = this.#dumps.get(neighbour)
    if (dump && (dump.rest || nowMs < dump.endedMs + DUMP_AGAIN_AFTER_MS)) return
    this.#dumps.set(neighbour, { rest: this.#world.table.reachable.values(), endedMs: nowMs })
    this.#world.timers.setBy(this.#dumpTimer, nowMs)
  }

  /** Retracts everything: neighbours are to acknowledge that. */
  retractAll(nowMs: number): void {
    this.#hasEnded = true
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
    const entries = firstOf(this.#urgent, FLUSH_MAX)
    for (const entry of entries) this.#soon.delete(entry)
    if (this.#urgent.size > 0) this.#world.timers.setBy(this.#urgentTimer, nowMs + URGENT_MS)
    this.#tell(nowMs, entries, true)
  }

  #flushSoon(nowMs: number): void {
    const entries = firstOf(this.#soon, FLUSH_MAX)
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
      if (!mayBeAsked(iface)) this.#send(nowMs, iface, undefined, entries, false)
  }

  #tell(nowMs: number, entries: readonly Entry[], isUrgent: boolean): void {
    let areMany = false
    for (const iface of this.#world.interfaces.values()) {
      if (iface.neighbours.size === 0) continue
      const isConfirmed = isUrgent && mayBeAsked(iface)
      areMany ||= isUrgent && !isConfirmed
      this.#send(nowMs, iface, undefined, entries, isConfirmed)
    }
    if (areMany) {
      for (const entry of entries) this.#copies.set(entry, COPIES_FOR_MANY - 1)
      this.#world.timers.setBy(this.#copyTimer, nowMs + COPY_AFTER_MS)
    }
    for (const entry of entries) this.#noteAnnounced(entry)
  }

  #noteAnnounced(entry: Entry): void {
    const { local, selected } = entry
    entry.announcedId = local ? this.#world.routerId : selected?.routerId
    entry.announcedMetric = local?.metric ?? (selected ? metricOf(selected) : INFINITY)
  }

  #answer(nowMs: number): void {
    const answers = [...this.#answers]
    this.#answers.clear()
    for (const [neighbour, entries] of answers) {
      const { iface, address } = neighbour
      const updates = [...entries].map(
        (entry) => this.#update(nowMs, entry, iface, true) ?? retraction(entry),
      )
      for (const chunk of chunksOf(updates, CHUNK)) this.#world.output.send(iface.name, address, chunk)
    }
  }

  #dump(nowMs: number): void {
    let isUnfinished = false
    for (const [neighbour, dump] of this.#dumps) {
      for (let chunk = 0; dump.rest && chunk < DUMP_CHUNKS; chunk++) {
        const entries = take(dump.rest, CHUNK)
        if (entries.length < CHUNK) {
          dump.rest = undefined
          dump.endedMs = nowMs
        }
        this.#send(nowMs, neighbour.iface, neighbour, entries, true)
      }
      isUnfinished ||= dump.rest !== undefined
    }
    if (isUnfinished) this.#world.timers.setBy(this.#dumpTimer, nowMs + DUMP_PAUSE_MS)
  }

  /** The next part of the periodic update: spread over the interval instead of all at once. */
  #tellPart(nowMs: number, iface: Interface): void {
    const periodic = this.#periodic.get(iface)
    if (periodic === undefined) return
    this.#world.timers.set(periodic.timer, nowMs + this.#pauseMs(iface))
    const entries = take(periodic.rest, CHUNK)
    if (entries.length < CHUNK) periodic.rest = this.#world.table.reachable.values()
    if (iface.neighbours.size === 0) return
    this.#send(nowMs, iface, undefined, entries, false)
    for (const entry of entries) if (!this.#urgent.has(entry)) this.#noteAnnounced(entry)
  }

  #pauseMs({ parameters }: Interface): number {
    const parts = Math.max(1, Math.ceil((this.#world.table.reachable.size + 1) / CHUNK))
    return (parameters.updateIntervalMs * EARLY) / parts
  }

  #send(
    nowMs: number,
    iface: Interface,
    to: Neighbour | undefined,
    entries: readonly Entry[],
    isConfirmed: boolean,
  ): void {
    for (const chunk of chunksOf(entries, CHUNK)) {
      const tlvs: OutgoingTlv[] = this.#updates(nowMs, iface, chunk)
      if (tlvs.length === 0) continue
      if (isConfirmed)
        tlvs.push(this.acknowledgments.expect(nowMs, to ? [to] : iface.neighbours.values(), chunk))
      this.#world.output.send(iface.name, to?.address, tlvs)
    }
  }

  #updates(nowMs: number, iface: Interface, entries: readonly Entry[]): Update[] {
    return entries
      .map((entry) => this.#update(nowMs, entry, iface, false))
      .filter((update) => update !== undefined)
  }

  /** @returns undefined where the destination is not told of (RFC 8966, 3.7.4) */
  #update(nowMs: number, known: Entry, iface: Interface, isAsked: boolean): Update | undefined {
    // What is told again may have been forgotten since, and learnt anew.
    const entry = this.#world.table.find(known) ?? known
    // Whatever was to be told: nobody is to send packets here any more.
    if (this.#hasEnded) return retraction(entry)
    const { prefix, from, local, selected } = entry
    const { routerId, seqno } = this.#world
    const { updateIntervalMs: intervalMs, splitHorizon } = iface.parameters
    const nextHop = iface.nextHopFor(prefix)
    if (local)
      return { kind: 'update', prefix, from, routerId, seqno, metric: local.metric, intervalMs, nextHop }
    if (selected === undefined || !this.#world.passesOn(entry)) return retraction(entry)
    if (splitHorizon && selected.neighbour.iface === iface && !isAsked) return undefined
    const metric = metricOf(selected)
    const id = selected.routerId
    const number = isAsked ? selected.seqno : announcedSeqno(entry, selected, metric)
    if (this.#sources.announcing(nowMs, entry, id, number, metric)) this.#onDistanceChanged(nowMs, entry)
    return { kind: 'update', prefix, from, routerId: id, seqno: number, metric, intervalMs, nextHop }
  }
}

/**
 * The number that a route is announced with: the one it was announced with before, as long as that will do. So the
 * feasibility distance stays at the older number, and all alternatives that are known with the newer one stay feasible.
 * What we announce is not better than what we know: the condition of RFC 8966, 3.5.1 holds as with the newer number.
 */
function announcedSeqno(entry: Entry, selected: Route, metric: number): number {
  const { routerId, seqno } = selected
  const source = sourceOf(entry, routerId)
  if (source === undefined || entry.announcedId !== routerId) return seqno
  const lag = seqnoMinus(seqno, source.seqno)
  const isKept = lag > 0 && lag <= MAX_LAG && metric <= source.metric + FLUCTUATION
  return isKept && !isMissed(entry, selected, source.seqno, metric) ? source.seqno : seqno
}

/**
 * Whether a neighbour uses a longer way than ours, with a newer number than this one: ours is infeasible for it. babeld does
 * not ask for it unless it is better by 512.
 */
const isMissed = ({ routes }: Entry, selected: Route, announced: number, metric: number): boolean =>
  routes.some(
    (other) =>
      other !== selected &&
      other.refmetric < INFINITY &&
      isOlder(announced, other.seqno) &&
      other.refmetric > metric + other.neighbour.cost,
  )

function retraction({ prefix, from }: Destination): Update {
  // Nothing but the prefix counts in it (RFC 8966, 4.6.9).
  return {
    kind: 'update',
    prefix,
    from,
    routerId: undefined,
    seqno: 0,
    metric: INFINITY,
    intervalMs: RETRACTION_INTERVAL_MS,
    nextHop: undefined,
  }
}

const RETRACTION_INTERVAL_MS = 10_000

function take<T>(from: Iterator<T>, count: number): T[] {
  const taken: T[] = []
  while (taken.length < count) {
    const { value, done } = from.next()
    if (done) break
    taken.push(value)
  }
  return taken
}

function firstOf<T>(set: Set<T>, count: number): T[] {
  const first = take(set.values(), count)
  for (const item of first) set.delete(item)
  return first
}

function* chunksOf<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
