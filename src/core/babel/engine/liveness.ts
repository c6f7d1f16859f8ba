import { shuffled } from '../../random.ts'
import { INFINITY } from '../metric.ts'
import type { Acknowledgments } from './acknowledgments.ts'
import { ihuFor } from './hellos.ts'
import type { Interface, Neighbour, Route } from './model.ts'
import type { NeighbourCause } from './ports.ts'
import { isThroughUs } from './requests.ts'
import { isFeasible } from './sources.ts'
import { metricOf } from './table.ts'
import { Timer } from './timers.ts'
import { neighboursOf, type World } from './world.ts'

/**
 * A neighbour that has not answered for so many pauses between requests is dead: in all that is longer than a delay of
 * 300 ms that comes from one moment to the next.
 */
const PROBES = 4
/** Pause between two: at least so long; longer where the answer takes longer. */
const PROBE_MS = 85
const MAX_PROBE_MS = 2_000
/** Of the time that an answer may take: most requests have it all when the last pause is over. */
const PAUSE_SHARE = 0.75
/** A queue that fills doubles its length before we know of it. */
const SLOWER_BY = 2
/** Whoever answers later than that was not slow: it could not be reached meanwhile. */
const OUTAGE_MS = 2_000
/** After that time only half of the slowest answer counts. */
const SLOWEST_HALF_LIFE_MS = 10_000
/**
 * Where packets still come over it, though no answer, a link may be full, and slower than it ever was: whether they arrive in
 * the other direction is not known.
 */
const EXTENSIONS_WHILE_USED = 3
/** Where no other way is known, others may have one that they do not tell of as long as they use ours: not much is waited. */
const EXTENSIONS_OF_THE_ONLY_WAY = 1
/** How many others are asked as well: is it them, or is it us? */
const OTHERS_ASKED = 3
/** Who has not answered the first request so far is silent. */
const SILENT_AFTER = 2
/** Between requests while our own uplink is down, and to a neighbour that is dead. */
const HOLD_PAUSE_MS = { first: 250, last: 1_000 } as const
const LOST_PAUSE_MS = 500
/** A neighbour that was dead and is back so soon was not dead: it gets more time from then on. */
const FALSE_ALARM_MS = 1_000
const MAX_PATIENCE = 8
/** After so long without another one, half of what was added is enough. */
const FORGIVEN_MS = 600_000
/** For how many of its hello intervals, and how long at least, a dead neighbour is asked whether it is back. */
const LOST_INTERVALS = 4
const MIN_LOST_MS = 2_000
/** Running so much later than planned means that we were stopped, or busy. */
const LATE_MS = 50
/** So many times as long may it take to read what came meanwhile, within these bounds. */
const CATCHING_UP = { factor: 2, maxMs: 500 } as const

interface Suspicion {
  readonly cause: NeighbourCause
  readonly timer: Timer
  /** Since when it has not answered; since when we ask it, and others. */
  readonly sinceMs: number
  askedMs: number
  /** When it is dead, if nothing comes. */
  untilMs: number
  probes: number
  /** What had come over its interface at the last request. */
  arrivals: number | undefined
  /** How often it was given more time. */
  extensions: number
}

/** How many times longer than usual is waited, since the last false alarm. */
interface Patience {
  readonly factor: number
  readonly sinceMs: number
}

/** The longest time that an answer took lately. */
interface Slowest {
  readonly ms: number
  readonly atMs: number
}

/** A neighbour that was declared dead, and may come back. */
interface Lost {
  readonly iface: Interface
  readonly address: string
  readonly diedMs: number
  readonly patience: Patience
  readonly timer: Timer
  pauseMs: number
}

/** Whether neighbours are alive, where it matters: nothing is asked of a link on which nobody misses anything. */
export class Liveness {
  readonly #world: World
  readonly #acknowledgments: Acknowledgments
  readonly #onDead: (nowMs: number, neighbour: Neighbour, cause: NeighbourCause) => void
  readonly #suspicions = new Map<Neighbour, Suspicion>()
  readonly #lost = new Map<string, Lost>()
  readonly #patience = new WeakMap<Neighbour, Patience>()
  readonly #slowest = new WeakMap<Neighbour, Slowest>()

  constructor(
    world: World,
    acknowledgments: Acknowledgments,
    onDead: (nowMs: number, neighbour: Neighbour, cause: NeighbourCause) => void,
  ) {
    this.#world = world
    this.#acknowledgments = acknowledgments
    this.#onDead = onDead
  }

  /**
   * Something that should have come from a neighbour did not: asks it.
   * @param sinceMs since when it was asked by others, who would have told of an answer
   */
  suspect(nowMs: number, neighbour: Neighbour, cause: NeighbourCause, sinceMs = nowMs): void {
    if (this.#suspicions.has(neighbour)) return
    const suspicion: Suspicion = {
      cause,
      timer: new Timer((laterMs) => this.#unanswered(laterMs, neighbour, suspicion)),
      sinceMs,
      askedMs: nowMs,
      untilMs: sinceMs + PROBES * this.#pauseMs(nowMs, neighbour),
      probes: 0,
      arrivals: undefined,
      extensions: 0,
    }
    this.#suspicions.set(neighbour, suspicion)
    this.#probe(nowMs, neighbour, suspicion)
  }

  /**
   * A packet came from it, or the kernel says that it answers.
   * @param isAnswer whether it tells that it hears us, too: a request to answer does not
   */
  heard(nowMs: number, neighbour: Neighbour, isAnswer = true): void {
    const suspicion = this.#suspicions.get(neighbour)
    if (suspicion === undefined || !isAnswer) {
      neighbour.lastHeardMs = nowMs
      return
    }
    this.answeredAfter(nowMs, neighbour, nowMs - suspicion.sinceMs)
    this.#clear(neighbour)
    // Who has not answered at first may have been cut off with all others, whose requests were lost as well.
    if (suspicion.probes >= SILENT_AFTER && neighbour.iface.kind !== 'lan')
      for (const [other, waiting] of this.#suspicions)
        if (waiting.probes >= SILENT_AFTER && this.#isOurUplink(other, waiting)) {
          // Our uplink is back, if that was it: who does not answer now is dead.
          waiting.probes = 0
          waiting.extensions = 0
          waiting.askedMs = nowMs
          waiting.untilMs = nowMs + PROBES * this.#pauseMs(nowMs, other)
          this.#probe(nowMs, other, waiting)
        }
    neighbour.lastHeardMs = nowMs
  }

  /** Since when a neighbour is asked whether it is alive; undefined: it is not, or has answered. */
  suspectedMs(neighbour: Neighbour): number | undefined {
    return this.#suspicions.get(neighbour)?.sinceMs
  }

  /** How long an answer took, ours or one to the kernel. */
  answeredAfter(nowMs: number, neighbour: Neighbour, tookMs: number): void {
    if (tookMs <= OUTAGE_MS && tookMs >= this.#slowestMs(nowMs, neighbour))
      this.#slowest.set(neighbour, { ms: tookMs, atMs: nowMs })
  }

  /** Whether there was a neighbour that may only seem to be dead. */
  isLost(iface: Interface, address: string): boolean {
    return this.#lost.has(keyOf(iface, address))
  }

  /** A neighbour that is new: is it one that we took for dead? */
  appeared(nowMs: number, neighbour: Neighbour): void {
    const key = keyOf(neighbour.iface, neighbour.address)
    const lost = this.#lost.get(key)
    if (lost === undefined) return
    this.#world.timers.clear(lost.timer)
    this.#lost.delete(key)
    const wasFalse = nowMs < lost.diedMs + FALSE_ALARM_MS
    const factor = Math.min(MAX_PATIENCE, 2 * lost.patience.factor)
    this.#patience.set(neighbour, wasFalse ? { factor, sinceMs: nowMs } : lost.patience)
  }

  /** It is gone, for whatever reason. */
  forget(neighbour: Neighbour): void {
    this.#clear(neighbour)
  }

  /** The interface is gone, with all that was lost on it. */
  forgetInterface(iface: Interface): void {
    for (const [key, lost] of this.#lost)
      if (lost.iface === iface) {
        this.#world.timers.clear(lost.timer)
        this.#lost.delete(key)
      }
  }

  #clear(neighbour: Neighbour): void {
    const suspicion = this.#suspicions.get(neighbour)
    if (suspicion) this.#world.timers.clear(suspicion.timer)
    this.#suspicions.delete(neighbour)
  }

  #slowestMs(nowMs: number, neighbour: Neighbour): number {
    const slowest = this.#slowest.get(neighbour)
    return slowest ? slowest.ms * 2 ** ((slowest.atMs - nowMs) / SLOWEST_HALF_LIFE_MS) : 0
  }

  #patienceWith(nowMs: number, neighbour: Neighbour): Patience {
    const { factor, sinceMs } = this.#patience.get(neighbour) ?? { factor: 1, sinceMs: nowMs }
    const halvings = Math.floor((nowMs - sinceMs) / FORGIVEN_MS)
    return { factor: Math.max(1, factor / 2 ** halvings), sinceMs: sinceMs + halvings * FORGIVEN_MS }
  }

  #pauseMs(nowMs: number, neighbour: Neighbour): number {
    const answerMs = Math.max(
      neighbour.roundTrip.patienceMs() ?? 0,
      SLOWER_BY * this.#slowestMs(nowMs, neighbour),
    )
    const pauseMs = Math.max(PROBE_MS, PAUSE_SHARE * answerMs)
    return Math.min(MAX_PROBE_MS, pauseMs * this.#patienceWith(nowMs, neighbour).factor)
  }

  /** Asks, and looks after a pause whether it has answered. */
  #probe(
    nowMs: number,
    neighbour: Neighbour,
    suspicion: Suspicion,
    pauseMs = Math.min(this.#pauseMs(nowMs, neighbour), Math.max(1, suspicion.untilMs - nowMs)),
  ): void {
    const { iface, address } = neighbour
    suspicion.probes++
    suspicion.arrivals = this.#world.arrivals(iface.name)
    this.#world.timers.set(suspicion.timer, nowMs + pauseMs)
    this.#world.output.send(iface.name, address, [this.#acknowledgments.probe()])
  }

  #unanswered(nowMs: number, neighbour: Neighbour, suspicion: Suspicion): void {
    const pauseMs = this.#pauseMs(nowMs, neighbour)
    const { catchingUpUntilMs } = this.#world
    // The answers may be there, and not be read yet.
    if (nowMs < catchingUpUntilMs) {
      this.#world.timers.set(suspicion.timer, catchingUpUntilMs)
      suspicion.untilMs = Math.max(suspicion.untilMs, catchingUpUntilMs + pauseMs)
      return
    }
    if (nowMs < suspicion.untilMs) {
      this.#probe(nowMs, neighbour, suspicion)
      if (suspicion.probes === SILENT_AFTER) this.#askOthers(nowMs, neighbour)
      return
    }
    suspicion.extensions++
    if (!this.#isOurUplink(neighbour, suspicion)) {
      const mayWait = suspicion.extensions <= this.#allowedExtensions(neighbour, suspicion)
      const longerMs = Math.min(MAX_PROBE_MS, pauseMs * 2 ** suspicion.extensions)
      if (mayWait) this.#probe(nowMs, neighbour, suspicion, longerMs)
      else this.#die(nowMs, neighbour, suspicion.cause)
      return
    }
    // All are silent: routes stay, for when it is back.
    const holdMs = HOLD_PAUSE_MS.first * 2 ** Math.min(8, suspicion.extensions - 1)
    this.#probe(nowMs, neighbour, suspicion, Math.max(pauseMs, Math.min(holdMs, HOLD_PAUSE_MS.last)))
  }

  #allowedExtensions(neighbour: Neighbour, suspicion: Suspicion): number {
    if (this.#hasArrived(neighbour, suspicion)) return EXTENSIONS_WHILE_USED
    return hasOtherWay(neighbour, () => true) ? 0 : EXTENSIONS_OF_THE_ONLY_WAY
  }

  /** Whether anything has come from it since the last request. */
  #hasArrived({ iface }: Neighbour, { arrivals }: Suspicion): boolean {
    const now = this.#world.arrivals(iface.name)
    return now !== undefined && arrivals !== undefined && now > arrivals
  }

  /** Others that share our way to the Internet. */
  *#others(neighbour: Neighbour): Generator<Neighbour> {
    if (neighbour.iface.kind === 'lan') return
    for (const other of neighboursOf(this.#world))
      if (other !== neighbour && other.iface.kind !== 'lan') yield other
  }

  /** Some of them, who ask others themselves if they do not answer: it is enough that one does. */
  #askOthers(nowMs: number, neighbour: Neighbour): void {
    const askedMs = this.#suspicions.get(neighbour)?.askedMs ?? nowMs
    const others = [...this.#others(neighbour)]
    if (others.some(({ lastHeardMs }) => lastHeardMs > askedMs)) return
    const unasked = others.filter((other) => !this.#suspicions.has(other))
    for (const other of shuffled(this.#world.random, unasked).slice(0, OTHERS_ASKED))
      this.suspect(nowMs, other, 'no answer')
  }

  #isOurUplink(neighbour: Neighbour, { askedMs }: Suspicion): boolean {
    if (neighbour.iface.kind === 'lan') return false
    let isAlone = true
    for (const other of this.#others(neighbour)) {
      isAlone = false
      if (other.lastHeardMs > askedMs) return false
    }
    // Nobody can tell then: packets take the way that there is.
    return !(isAlone && hasOtherWay(neighbour, ({ neighbour: { iface } }) => iface.kind === 'lan'))
  }

  #die(nowMs: number, neighbour: Neighbour, cause: NeighbourCause): void {
    const { iface, address } = neighbour
    const patience = this.#patienceWith(nowMs, neighbour)
    this.#onDead(nowMs, neighbour, cause)
    // RFC 8966, 4.6.6: it may hear us though we do not hear it, and would find that out by itself only later.
    this.#world.output.send(iface.name, address, [{ ...ihuFor(neighbour), rxcost: INFINITY }])
    const timer = new Timer((laterMs) => this.#askLost(laterMs, lost))
    const lost: Lost = { iface, address, diedMs: nowMs, patience, timer, pauseMs: LOST_PAUSE_MS }
    this.#lost.set(keyOf(iface, address), lost)
    this.#world.timers.set(timer, nowMs + lost.pauseMs)
  }

  #askLost(nowMs: number, lost: Lost): void {
    const { iface, address, diedMs } = lost
    const { helloIntervalMs } = iface.parameters
    if (nowMs > diedMs + Math.max(LOST_INTERVALS * helloIntervalMs, MIN_LOST_MS)) {
      this.#lost.delete(keyOf(iface, address))
      return
    }
    lost.pauseMs = Math.min(2 * lost.pauseMs, helloIntervalMs)
    this.#world.timers.set(lost.timer, nowMs + lost.pauseMs)
    this.#world.output.send(iface.name, address, [this.#acknowledgments.probe()])
  }
}

/**
 * Whether there is another way to one of the destinations whose packets go to a neighbour; one that is not feasible yet will
 * be when it is asked for.
 */
const hasOtherWay = ({ routes }: Neighbour, counts: (other: Route) => boolean): boolean =>
  routes.some(
    (route) =>
      route === route.entry.selected &&
      route.entry.routes.some((other) => other !== route && isWay(other) && counts(other)),
  )

const isWay = (route: Route): boolean =>
  metricOf(route) < INFINITY && (isFeasible(route) || !isThroughUs(route, route.entry))

/**
 * Until when answers may be there and not be read yet, where what is done now was due so long ago that we did not run in
 * between; undefined: we did.
 */
export const catchingUpUntil = (nowMs: number, dueMs: number): number | undefined =>
  nowMs > dueMs + LATE_MS
    ? nowMs + Math.min(CATCHING_UP.factor * (nowMs - dueMs), CATCHING_UP.maxMs)
    : undefined

const keyOf = (iface: Interface, address: string): string => `${address}%${iface.name}`
