import { INFINITY } from '../metric.ts'
import type { Destination, Update } from '../wire/tlv.ts'
import type { Entry, Interface, Route } from './model.ts'
import { isOlder, seqnoMinus } from './seqno.ts'
import { type Sources, sourceOf } from './sources.ts'
import { toldMetricOf } from './table.ts'
import type { World } from './world.ts'

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
const RETRACTION_INTERVAL_MS = 10_000

/** What neighbours are told of destinations (RFC 8966, 3.7). */
export class Announcements {
  readonly #world: World
  readonly #sources: Sources
  readonly #onDistanceChanged: (nowMs: number, entry: Entry) => void

  /** @param onDistanceChanged what others announce may have become infeasible */
  constructor(world: World, sources: Sources, onDistanceChanged: (nowMs: number, entry: Entry) => void) {
    this.#world = world
    this.#sources = sources
    this.#onDistanceChanged = onDistanceChanged
  }

  /** What is told on an interface, of those destinations that are told there. */
  of(nowMs: number, iface: Interface, entries: readonly Entry[]): Update[] {
    return this.#presentOf(entries)
      .filter((entry) => !iface.parameters.splitHorizon || this.#heardOn(entry) !== iface)
      .map((entry) => this.#update(nowMs, entry, iface, false))
  }

  /**
   * What is told on each of several interfaces. Where it is told in the same words, these are put together once, however many
   * interfaces there are: the updates are the same objects.
   */
  *onAll(
    nowMs: number,
    ifaces: readonly Interface[],
    entries: readonly Entry[],
  ): Generator<readonly [Interface, readonly Update[]]> {
    const [first] = ifaces
    if (first === undefined) return
    const alike = ifaces.filter((iface) => iface.isToldLike(first))
    // Of one alone, nothing may be noted as told that is not told there.
    if (alike.length === 1) yield [first, this.of(nowMs, first, entries)]
    else {
      const present = this.#presentOf(entries)
      const updates = present.map((entry) => this.#update(nowMs, entry, first, false))
      const heardOn = present.map((entry) => this.#heardOn(entry))
      for (const iface of alike) {
        const isWhole = !iface.parameters.splitHorizon || !heardOn.includes(iface)
        yield [iface, isWhole ? updates : updates.filter((_, at) => heardOn[at] !== iface)]
      }
    }
    const others = ifaces.filter((iface) => !iface.isToldLike(first))
    yield* this.onAll(nowMs, others, entries)
  }

  /** What is told to whoever asks. */
  answer(nowMs: number, iface: Interface, known: Entry): Update {
    return this.#update(nowMs, this.#present(known), iface, true)
  }

  /** Remembers what neighbours were told. */
  note(entry: Entry): void {
    const { local, selected } = entry
    entry.announcedId = local ? this.#world.routerId : selected?.routerId
    entry.announcedMetric = toldMetricOf(entry)
  }

  /** What is told again may have been forgotten since, and learnt anew. */
  #present(known: Entry): Entry {
    return this.#world.table.find(known) ?? known
  }

  #presentOf(entries: readonly Entry[]): readonly Entry[] {
    return entries.map((known) => this.#present(known))
  }

  /** The way of another router that is told, if any is: not once all is retracted, whatever was to be told. */
  #wayToTell(entry: Entry): Route | undefined {
    const isTold = !this.#world.isRetracting && !entry.local && this.#world.passesOn(entry)
    return isTold ? entry.selected : undefined
  }

  /** Where it is not told with split horizon (RFC 8966, 3.7.4). */
  #heardOn(entry: Entry): Interface | undefined {
    return this.#wayToTell(entry)?.neighbour.iface
  }

  #update(nowMs: number, entry: Entry, iface: Interface, isAsked: boolean): Update {
    const { prefix, from, local } = entry
    const { routerId, seqno, isRetracting } = this.#world
    const { updateIntervalMs: intervalMs } = iface.parameters
    const nextHop = iface.nextHopFor(prefix)
    if (local && !isRetracting)
      return { kind: 'update', prefix, from, routerId, seqno, metric: local.metric, intervalMs, nextHop }
    const way = this.#wayToTell(entry)
    if (way === undefined) return retraction(entry)
    const metric = toldMetricOf(entry)
    const id = way.routerId
    const number = isAsked ? way.seqno : announcedSeqno(entry, way, metric)
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

/** A destination is not, or no longer, reached over us. */
export function retraction({ prefix, from }: Destination): Update {
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
