import { INFINITY } from '../metric.ts'
import type { RouterId } from '../wire/tlv.ts'

import { ExpiryWheel } from './expiry-wheel.ts'
import type { Entry, Route, Source } from './model.ts'
import { isOlder } from './seqno.ts'
import { joined, type RouteTable } from './table.ts'
import type { TimerQueue } from './timers.ts'

/** RFC 8966, B. */
const GARBAGE_COLLECTION_MS = 180_000
/**
 * Whoever missed a retraction of ours sends packets to us until our last update has expired, 3.5 of its intervals later. If
 * we forgot before that what we had told, its way through us would be feasible: a loop.
 */
const KEPT_INTERVALS = 4
/** More router-ids of one destination than that come from nobody honest. The one that was told least lately is forgotten. */
const MAX_PER_DESTINATION = 64

/** The source table: what makes sure that no update closes a loop. */
export class Sources {
  readonly #table: RouteTable
  readonly #onForgotten: (nowMs: number, entry: Entry) => void
  readonly #wheel: ExpiryWheel<Source>
  #size = 0
  #keptMs = GARBAGE_COLLECTION_MS

  /** @param onForgotten what was infeasible may not be any more */
  constructor(table: RouteTable, timers: TimerQueue, onForgotten: (nowMs: number, entry: Entry) => void) {
    this.#table = table
    this.#onForgotten = onForgotten
    this.#wheel = new ExpiryWheel(timers, (source, nowMs) => this.#visit(source, nowMs))
  }

  get size(): number {
    return this.#size
  }

  /** Updates are sent with this interval. */
  promising(updateIntervalMs: number): void {
    this.#keptMs = Math.max(this.#keptMs, KEPT_INTERVALS * updateIntervalMs)
  }

  /** RFC 8966, 3.7.3: before a finite update is sent. @returns whether that changed the distance */
  announcing(nowMs: number, entry: Entry, routerId: RouterId, seqno: number, metric: number): boolean {
    const source = sourceOf(entry, routerId)
    if (source === undefined) {
      this.#add({ entry, routerId, seqno, metric, expiresMs: nowMs + this.#keptMs })
      return true
    }
    source.expiresMs = nowMs + this.#keptMs
    const isBetter = isOlder(source.seqno, seqno) || (source.seqno === seqno && source.metric > metric)
    if (isBetter) {
      source.seqno = seqno
      source.metric = metric
    }
    return isBetter
  }

  #add(source: Source): void {
    const { sources } = source.entry
    if (sources.length >= MAX_PER_DESTINATION)
      this.#remove(sources.reduce((least, one) => (one.expiresMs < least.expiresMs ? one : least)))
    source.entry.sources = joined(source.entry.sources, source)
    this.#size++
    this.#wheel.add(source, source.expiresMs)
  }

  #visit(source: Source, nowMs: number): number | undefined {
    const { entry, routerId, expiresMs } = source
    if (!entry.sources.includes(source)) return undefined
    if (expiresMs > nowMs) return expiresMs
    // It is told of more rarely than sources are forgotten.
    if (entry.selected?.routerId === routerId) return nowMs + this.#keptMs
    this.#remove(source)
    this.#onForgotten(nowMs, entry)
    this.#table.tidy(entry)
    return undefined
  }

  #remove(source: Source): void {
    const { entry } = source
    if (!entry.sources.includes(source)) return
    entry.sources = entry.sources.filter((one) => one !== source)
    this.#size--
  }
}

/** The feasibility distance of a router's way to a destination, if we ever told of it. */
export function sourceOf(entry: Entry, routerId: RouterId): Source | undefined {
  for (const source of entry.sources) if (source.routerId === routerId) return source
  return undefined
}

/** The feasibility condition (RFC 8966, 3.5.1). */
export function isFeasibleUpdate(
  entry: Entry,
  routerId: RouterId,
  seqno: number,
  refmetric: number,
): boolean {
  if (refmetric >= INFINITY) return true
  const source = sourceOf(entry, routerId)
  if (source === undefined) return true
  return isOlder(source.seqno, seqno) || (source.seqno === seqno && refmetric < source.metric)
}

/** The feasibility condition for a route as it stands in the table. */
export const isFeasible = ({ entry, routerId, seqno, refmetric }: Route): boolean =>
  isFeasibleUpdate(entry, routerId, seqno, refmetric)
