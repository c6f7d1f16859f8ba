import { TokenBucket } from '../../token-bucket.ts'
import { INFINITY } from '../metric.ts'
import type { RouterId, SeqnoRequest } from '../wire/tlv.ts'
import { ExpiryWheel } from './expiry-wheel.ts'
import { isDrainingChange } from './levels.ts'
import type { Entry, Neighbour, Route } from './model.ts'
import { isAhead, NEEDS, type Need, needOf, pauseAfter } from './needs.ts'
import { isUsable } from './selection.ts'
import { isOlder, seqnoMinus, seqnoPlus } from './seqno.ts'
import { sourceOf } from './sources.ts'
import { metricOf } from './table.ts'
import type { World } from './world.ts'

/** RFC 8966, 3.8.2.1 */
const HOP_COUNT = 64
/** How long a request that we forwarded is remembered, for whoever asked. */
const REMEMBERED_MS = 10_000
/** A request for the same is not forwarded again before: less than the time after which whoever asked asks again. */
const DUPLICATE_MS = 200
const MAX_PENDING = 10_000
/** Of one destination, for different router-ids: more than one is rare. */
const MAX_PENDING_OF_ONE = 8
/** More than that are no requests of a router that obeys the protocol. */
const REQUESTS_A_SECOND = 500
const REQUESTS_AT_ONCE = 5_000
/** How often our own number may rise, whoever asks. */
const RISES_A_SECOND = 5
const RISES_AT_ONCE = 20
/**
 * How often it is found again after a restart. Two leaps in a row could take it so far that others hold it for older than the
 * one that they know: before the next one, all have heard of the first.
 */
const RECOVERIES_A_SECOND = 1 / 120
const RECOVERIES_AT_ONCE = 1
/** A number that is so little ahead makes no leap. */
const MAX_STEP = 64
/** How many requests we send ahead of need. */
const AHEAD_A_SECOND = 20
const AHEAD_AT_ONCE = 100
const BUCKET_MS = 100

/**
 * How long what is asked for ahead of need is kept back: while a network forms, most of it is not missing any more then, and
 * the rest goes out in few packets.
 */
const AHEAD_DELAY_MS = 500

/** How often a number was asked for, and when again at the earliest. */
interface Asked {
  times: number
  nextMs: number
}

/** For each need: what two routers ask for in turn must die down, also if each request is answered. */
interface AskedFor extends Partial<Record<Need, Asked>> {
  /** When it is looked at again; infinity: nobody waits for that. */
  lookMs: number
}

/** RFC 8966, 3.2.7 */
interface Pending {
  readonly routerId: RouterId
  seqno: number
  atMs: number
  readonly behalf: Set<Neighbour>
}

/** What answers requests. */
export interface RequestsListener {
  /** Tells a neighbour of a destination, with the newest number that we know. */
  answer(nowMs: number, neighbour: Neighbour, entry: Entry): void
  /** Tells all of a destination. */
  tellAgain(nowMs: number, entry: Entry): void
}

/** Requests for sequence numbers (RFC 8966, 3.8). */
export class Requests {
  readonly #world: World
  readonly #listener: RequestsListener
  readonly #asked = new Map<Entry, AskedFor>()
  readonly #later: ExpiryWheel<Entry>
  readonly #pending = new Map<Entry, Pending[]>()
  readonly #forgetting: ExpiryWheel<Entry>
  readonly #rates = new WeakMap<Neighbour, TokenBucket>()
  readonly #rises = new TokenBucket(RISES_A_SECOND, RISES_AT_ONCE)
  readonly #recoveries = new TokenBucket(RECOVERIES_A_SECOND, RECOVERIES_AT_ONCE)
  readonly #ahead = new TokenBucket(AHEAD_A_SECOND, AHEAD_AT_ONCE)

  constructor(world: World, listener: RequestsListener) {
    this.#world = world
    this.#listener = listener
    this.#later = new ExpiryWheel(world.timers, (entry, nowMs) => this.#again(entry, nowMs), BUCKET_MS)
    this.#forgetting = new ExpiryWheel(world.timers, (entry, nowMs) => this.#forgetOld(entry, nowMs))
  }

  /** How many requests of others are remembered (RFC 8966, 3.2.7). */
  get size(): number {
    let size = 0
    for (const ofEntry of this.#pending.values()) size += ofEntry.length
    return size
  }

  /** Whether a neighbour may ask now. */
  mayAsk(nowMs: number, neighbour: Neighbour): boolean {
    let rate = this.#rates.get(neighbour)
    if (rate === undefined) {
      rate = new TokenBucket(REQUESTS_A_SECOND, REQUESTS_AT_ONCE)
      this.#rates.set(neighbour, rate)
    }
    return rate.take(nowMs)
  }

  /**
   * Others know a number of ours. If it is newer than what we have, we lost ours with a restart, and they would take nothing
   * from us: we go on from there.
   */
  ownNumberHeard(nowMs: number, seqno: number): void {
    if (!isOlder(this.#world.seqno, seqno)) return
    const isStep = seqnoMinus(seqno, this.#world.seqno) <= MAX_STEP
    if (!(isStep ? this.#rises : this.#recoveries).take(nowMs)) return
    this.#world.seqno = seqnoPlus(seqno, 1)
    for (const entry of this.#world.table.reachable) if (entry.local) this.#listener.tellAgain(nowMs, entry)
  }

  /** RFC 8966, 3.8.1.2 */
  hear(nowMs: number, neighbour: Neighbour, request: SeqnoRequest): void {
    const { table, routerId } = this.#world
    const entry = table.find(request)
    if (entry === undefined) return
    const { local, selected } = entry
    if (local) {
      if (request.routerId === routerId) {
        // Whoever asks for a number adds 1 to one that we once had.
        this.ownNumberHeard(nowMs, seqnoPlus(request.seqno, -1))
        const isForNewer = isOlder(this.#world.seqno, request.seqno)
        if (isForNewer && !this.#rises.take(nowMs)) return
        // Never more than 1 in reaction, whatever is asked for.
        if (isForNewer) this.#world.seqno = seqnoPlus(this.#world.seqno, 1)
      }
      this.#listener.answer(nowMs, neighbour, entry)
      return
    }
    if (selected && (selected.routerId !== request.routerId || !isOlder(selected.seqno, request.seqno))) {
      this.#listener.answer(nowMs, neighbour, entry)
      return
    }
    if (request.routerId !== routerId && request.hopCount >= 2) this.#pass(nowMs, neighbour, entry, request)
  }

  #pass(nowMs: number, neighbour: Neighbour, entry: Entry, request: SeqnoRequest): void {
    const others = entry.routes.filter((route) => route.neighbour !== neighbour && metricOf(route) < INFINITY)
    const usable = others.filter((route) => isUsable(route))
    // Over one that does not answer, the request would not arrive.
    const [nearest] = others.sort((a, b) => metricOf(a) - metricOf(b))
    const current = usable.find((route) => route === entry.selected) ?? usable[0]
    const next = current === undefined || current.neighbour.isDoubted ? nearest : current
    const pending = this.#remember(nowMs, entry, request)
    if (pending === undefined) return
    pending.behalf.add(neighbour)
    const isDuplicate = !isOlder(pending.seqno, request.seqno) && nowMs < pending.atMs + DUPLICATE_MS
    if (isDuplicate || next === undefined) return
    pending.seqno = request.seqno
    pending.atMs = nowMs
    this.#send(next.neighbour, { ...request, hopCount: Math.min(request.hopCount, HOP_COUNT) - 1 })
  }

  #remember(nowMs: number, entry: Entry, { routerId, seqno }: SeqnoRequest): Pending | undefined {
    const ofEntry = this.#pending.get(entry)
    const known = ofEntry?.find((pending) => pending.routerId === routerId)
    if (known) return known
    const isFull = ofEntry ? ofEntry.length >= MAX_PENDING_OF_ONE : this.#pending.size >= MAX_PENDING
    if (isFull) return undefined
    const pending = { routerId, seqno, atMs: Number.NEGATIVE_INFINITY, behalf: new Set<Neighbour>() }
    if (ofEntry) ofEntry.push(pending)
    else {
      this.#pending.set(entry, [pending])
      this.#forgetting.add(entry, nowMs + REMEMBERED_MS)
    }
    return pending
  }

  #forgetOld(entry: Entry, nowMs: number): number | undefined {
    const rest = (this.#pending.get(entry) ?? []).filter(({ atMs }) => nowMs < atMs + REMEMBERED_MS)
    if (rest.length === 0) {
      this.#pending.delete(entry)
      return undefined
    }
    this.#pending.set(entry, rest)
    return nowMs + REMEMBERED_MS
  }

  #send({ iface, address }: Neighbour, request: SeqnoRequest): void {
    this.#world.output.send(iface.name, address, [request])
  }

  /** A neighbour is gone: nobody waits there any more. */
  forget(neighbour: Neighbour): void {
    for (const pendings of this.#pending.values()) for (const { behalf } of pendings) behalf.delete(neighbour)
  }

  /** The route to a destination was looked at: answers who waits for it, and asks for what is missing. */
  consider(nowMs: number, entry: Entry): void {
    this.#satisfy(nowMs, entry)
    const need = needOf(entry)
    // The next time that there is none is another one: what is asked for then is not kept waiting.
    if (need?.kind !== 'starving') delete this.#asked.get(entry)?.starving
    if (need?.kind !== 'leaving') delete this.#asked.get(entry)?.leaving
    if (need) this.#ask(nowMs, entry, need.kind, need.routes)
  }

  #satisfy(nowMs: number, entry: Entry): void {
    const pendings = this.#pending.get(entry)
    const { selected } = entry
    if (pendings === undefined || selected === undefined) return
    for (const pending of pendings) {
      if (pending.routerId === selected.routerId && isOlder(selected.seqno, pending.seqno)) continue
      for (const neighbour of pending.behalf) this.#listener.answer(nowMs, neighbour, entry)
      pending.behalf.clear()
    }
  }

  /**
   * An announcement of the route in use was ignored as infeasible: its number is asked for (RFC 8966, 3.8.2.2). If its way is
   * broken, as the metric says, others may get there.
   */
  ignored(nowMs: number, route: Route, announcedMetric: number): void {
    const { routes } = route.entry
    const isBroken = isDrainingChange(route.refmetric, announcedMetric)
    const asked = isBroken ? routes.filter((one) => metricOf(one) < INFINITY) : [route]
    this.#ask(nowMs, route.entry, 'starving', asked)
  }

  #ask(nowMs: number, entry: Entry, need: Need, routes: readonly Route[]): void {
    const known = this.#asked.get(entry)?.[need]
    const asked = known ?? { times: 0, nextMs: nowMs + (isAhead(need) ? AHEAD_DELAY_MS : 0) }
    if (nowMs < asked.nextMs) {
      if (!known) this.#keep(entry, need, asked)
      return
    }
    const maySend = need === 'starving' || need === 'leaving' || this.#ahead.take(nowMs)
    const pauseMs = maySend ? pauseAfter(need, asked.times) : pauseAfter(need, 0)
    asked.times += maySend ? 1 : 0
    asked.nextMs = nowMs + pauseMs * (1 + this.#world.random.next() / 4)
    this.#keep(entry, need, asked)
    if (!maySend) return
    const { prefix, from } = entry
    for (const { neighbour, routerId, seqno } of routes) {
      const wanted = seqnoPlus(sourceOf(entry, routerId)?.seqno ?? seqno, 1)
      this.#send(neighbour, {
        kind: 'seqno-request',
        prefix,
        from,
        routerId,
        seqno: wanted,
        hopCount: HOP_COUNT,
      })
    }
  }

  /** To look again when the pause is over. */
  #keep(entry: Entry, need: Need, asked: Asked): void {
    let askedFor = this.#asked.get(entry)
    if (askedFor === undefined) {
      askedFor = { lookMs: Number.POSITIVE_INFINITY }
      this.#asked.set(entry, askedFor)
    }
    askedFor[need] = asked
    this.#lookBy(entry, askedFor, asked.nextMs)
  }

  /** At that time, unless earlier: what is waited for stands in the wheel once, however long that goes on. */
  #lookBy(entry: Entry, askedFor: AskedFor, atMs: number): void {
    if (askedFor.lookMs <= atMs) return
    askedFor.lookMs = atMs
    this.#later.add(entry, atMs)
  }

  /** Some pause is over: what is still missing is asked for, what was not missing for as long again is forgotten. */
  #again(entry: Entry, nowMs: number): undefined {
    const waited = this.#asked.get(entry)
    // It was looked at earlier, if not: what came between asked for another time.
    if (waited === undefined || waited.lookMs > nowMs) return
    waited.lookMs = Number.POSITIVE_INFINITY
    this.consider(nowMs, entry)
    const askedFor = this.#asked.get(entry)
    if (askedFor === undefined) return
    for (const need of NEEDS) {
      const asked = askedFor[need]
      if (asked === undefined) continue
      const untilMs = asked.nextMs + pauseAfter(need, asked.times)
      if (untilMs <= nowMs) delete askedFor[need]
      else this.#lookBy(entry, askedFor, asked.nextMs > nowMs ? asked.nextMs : untilMs)
    }
    if (askedFor.lookMs === Number.POSITIVE_INFINITY) this.#asked.delete(entry)
  }
}
