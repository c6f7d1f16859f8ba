import { TokenBucket } from '../../token-bucket.ts'
import { INFINITY } from '../metric.ts'
import type { Entry, Neighbour, Route } from './model.ts'
import { metricOf } from './table.ts'
import { neighboursOf, type World } from './world.ts'

/** How many others are asked: those that are nearest to it. */
const ASKED = 3
/** Prefixes of its own that are asked for; a node has one, and perhaps one of IPv4. */
const MAX_PREFIXES = 2
/** What is asked again so soon is the same question, by another way. */
const DUPLICATE_MS = 400
/** Who said something so lately is there; of the others so many are asked. */
const HEARD_MS = 100
const CHECKED = 24
/** How many neighbours are missed, or doubted by others, until no more is asked: many at once, but not all the time. */
const INQUIRIES = { perSecond: 2, burst: 30 } as const
/** Of these, one neighbour that asks without end leaves most to the others. */
const INQUIRIES_OF_ONE = { perSecond: 1, burst: 20 } as const

/**
 * Who is silent is often silent to all: its machine is off, its server is stuck. Others, over which packets are to go instead,
 * would find that out one after the other, each only when packets come to it. So whoever misses a neighbour asks others for
 * their route to it (RFC 8966, 3.8.1.1: that is allowed at any time), they ask on along that route, and the last on it looks
 * whether its neighbour is alive, and tells it that it is missed: all while the first one still waits for an answer.
 */
export class Inquiries {
  readonly #world: World
  readonly #check: (nowMs: number, neighbour: Neighbour) => void
  /** When we missed somebody ourselves, and when others did. */
  readonly #missedMs = new WeakMap<Entry, number>()
  readonly #askedMs = new WeakMap<Entry, number>()
  readonly #ours = new TokenBucket(INQUIRIES.perSecond, INQUIRIES.burst)
  readonly #others = new TokenBucket(INQUIRIES.perSecond, INQUIRIES.burst)
  readonly #ofOne = new WeakMap<Neighbour, TokenBucket>()

  /** @param check looks whether a neighbour is alive */
  constructor(world: World, check: (nowMs: number, neighbour: Neighbour) => void) {
    this.#world = world
    this.#check = check
  }

  /** A neighbour has not answered for a moment. */
  silent(nowMs: number, neighbour: Neighbour): void {
    let prefixes = 0
    for (const { entry, refmetric } of neighbour.routes) {
      if (refmetric > 0) continue
      if (++prefixes > MAX_PREFIXES) return
      if (!isNew(this.#missedMs, nowMs, entry) || !this.#ours.take(nowMs)) continue
      for (const other of nearestFirst(entry, neighbour).slice(0, ASKED)) this.#ask(other.neighbour, entry)
    }
  }

  /** A neighbour has asked for the route to a destination: does it doubt that it is there? */
  asked(nowMs: number, by: Neighbour, entry: Entry): void {
    if (!isNew(this.#askedMs, nowMs, entry)) return
    if (!this.#wordsOf(by).take(nowMs) || !this.#others.take(nowMs)) return
    if (entry.local) return this.#checkAll(nowMs)
    // Our own way may lead over whoever asks.
    const [nearest] = nearestFirst(entry, by)
    const { selected } = entry
    const next = selected === undefined || selected.neighbour === by ? nearest : selected
    if (next === undefined) return
    if (next.refmetric === 0) this.#check(nowMs, next.neighbour)
    this.#ask(next.neighbour, entry)
  }

  #wordsOf(neighbour: Neighbour): TokenBucket {
    let words = this.#ofOne.get(neighbour)
    if (words === undefined) {
      words = new TokenBucket(INQUIRIES_OF_ONE.perSecond, INQUIRIES_OF_ONE.burst)
      this.#ofOne.set(neighbour, words)
    }
    return words
  }

  /** Somebody doubts that we are there: whoever it is that we do not hear any more may not have noticed, nor have we. */
  #checkAll(nowMs: number): void {
    const silent = [...neighboursOf(this.#world)]
      .filter(({ iface, lastHeardMs }) => iface.kind !== 'lan' && nowMs > lastHeardMs + HEARD_MS)
      .sort((one, other) => one.lastHeardMs - other.lastHeardMs)
    for (const neighbour of silent.slice(0, CHECKED)) this.#check(nowMs, neighbour)
  }

  #ask({ iface, address }: Neighbour, { prefix, from }: Entry): void {
    this.#world.output.send(iface.name, address, [{ kind: 'route-request', prefix, from }])
  }
}

function isNew(times: WeakMap<Entry, number>, nowMs: number, entry: Entry): boolean {
  const before = times.get(entry)
  if (before !== undefined && nowMs < before + DUPLICATE_MS) return false
  times.set(entry, nowMs)
  return true
}

/** The routes of others to a destination. */
const nearestFirst = ({ routes }: Entry, except: Neighbour): Route[] =>
  routes
    .filter((route) => route.neighbour !== except && metricOf(route) < INFINITY)
    .sort((one, other) => one.refmetric - other.refmetric)
