import { shuffled } from '../../random.ts'
import { INFINITY } from '../metric.ts'
import type { Acknowledgments } from './acknowledgments.ts'
import { AnswerTimes } from './answer-times.ts'
import type { FullQueues } from './full-queues.ts'
import { unheard } from './hellos.ts'
import type { Interface, Neighbour, Route } from './model.ts'
import type { NeighbourCause } from './ports.ts'
import { isThroughUs } from './requests.ts'
import { isFeasible } from './sources.ts'
import { metricOf } from './table.ts'
import { Timer } from './timers.ts'
import { neighboursOf, type World } from './world.ts'

/**
 * A neighbour that has not answered for so many pauses is dead: in all that is longer than a delay of 300 ms that comes from one
 * moment to the next.
 */
const PAUSES = 4
/** One of them; longer where the answer takes longer. */
const PAUSE_MS = 85
const MAX_PAUSE_MS = 2_000
/** Of the time that an answer may take: most requests have it all when the last pause is over. */
const PAUSE_SHARE = 0.75
/** Of the time that the slowest answer took: a queue that fills more than doubles its length before we know of it. */
const SLOWEST_SHARE = 0.65
/** In each pause: some requests may be lost. */
const REQUESTS_IN_PAUSE = 3
/**
 * Where our own queue is full, so many requests must have got out of this machine, as far as can be known, before silence means
 * anything, but it is not asked for longer than that.
 */
const REQUESTS_FROM_FULL_QUEUE = 24
const MAX_FULL_QUEUE_MS = 4_000
/** What is above that got out. */
const FULL_QUEUE_SHARE = 0.98
/**
 * Where packets still come over it, though no answer, a link may be full, and slower than it ever was: whether they arrive in
 * the other direction is not known.
 */
const EXTENSIONS_WHILE_USED = 3
/** Where no other way is known, others may have one that they do not tell of as long as they use ours: not much is waited. */
const EXTENSIONS_OF_THE_ONLY_WAY = 1
/** How many others are asked as well: is it them, or is it us? */
const OTHERS_ASKED = 3
/** Who has not answered for a pause is silent. */
const SILENT_AFTER = 1 + REQUESTS_IN_PAUSE
/** Between requests while our own uplink is down, and to a neighbour that is dead. */
const HOLD_PAUSE_MS = { first: 250, last: 1_000 } as const
const LOST_PAUSE_MS = 500
/** A neighbour that answers so soon after it was first asked was not dead: it gets more time from then on. */
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

/** A machine that was stopped so often while a neighbour did not answer is overloaded. */
const STARVED_CATCH_UPS = 3

interface Suspicion {
  readonly cause: NeighbourCause
  readonly timer: Timer
  /** Since when it has not answered; since when we ask it, and others. */
  readonly sinceMs: number
  askedMs: number
  /** When it is dead, if nothing comes. */
  untilMs: number
  /** When it is looked next whether something has come. */
  lookMs: number
  /** How often we ran so late meanwhile that answers might be there and not be read yet. */
  catchUps: number
  probes: number
  /** How long its answers take, if that was known when it became silent. */
  readonly usualMs: number | undefined
  /** How many of the requests got out of this machine, likely; whether some did not. */
  sent: number
  wasQueueFull: boolean
  /** What had come from there a pause ago or more, and since then. */
  arrived: Arrivals
  arriving: Arrivals
  /** How often it was given more time. */
  extensions: number
}

/** How many times longer than usual is waited, since the last false alarm. */
interface Patience {
  readonly factor: number
  readonly sinceMs: number
}

/** How many packets had come over the interface of a neighbour, if all of them are its own. */
interface Arrivals {
  readonly atMs: number
  readonly packets: number | undefined
}

/** A neighbour that was declared dead, and may come back. */
interface Lost {
  readonly iface: Interface
  readonly address: string
  readonly suspectedMs: number
  readonly diedMs: number
  readonly patience: Patience
  readonly timer: Timer
  pauseMs: number
}

/** Who is told of neighbours that do not answer. */
export interface LivenessListener {
  /** One has not answered for a moment. */
  silent(nowMs: number, neighbour: Neighbour): void
  dead(nowMs: number, neighbour: Neighbour, cause: NeighbourCause): void
}

/** Whether neighbours are alive, where it matters: nothing is asked of a link on which nobody misses anything. */
export class Liveness {
  readonly #world: World
  readonly #acknowledgments: Acknowledgments
  readonly #queues: FullQueues
  readonly #listener: LivenessListener
  readonly #suspicions = new Map<Neighbour, Suspicion>()
  readonly #lost = new Map<string, Lost>()
  /** Who was taken for dead and is heard again, but has not answered yet. */
  readonly #returning = new WeakMap<Neighbour, Lost>()
  readonly #patience = new WeakMap<Neighbour, Patience>()
  readonly #answers = new WeakMap<Neighbour, AnswerTimes>()

  constructor(
    world: World,
    acknowledgments: Acknowledgments,
    queues: FullQueues,
    listener: LivenessListener,
  ) {
    this.#world = world
    this.#acknowledgments = acknowledgments
    this.#queues = queues
    this.#listener = listener
  }

  /**
   * Something that should have come from a neighbour did not: asks it.
   * @param sinceMs since when it was asked by others, who would have told of an answer
   * @param usualMs how long its answers to these took until then
   */
  suspect(
    nowMs: number,
    neighbour: Neighbour,
    cause: NeighbourCause,
    sinceMs = nowMs,
    usualMs?: number,
  ): void {
    if (this.#suspicions.has(neighbour)) return
    const arrived = this.#arrivals(nowMs, neighbour)
    const suspicion: Suspicion = {
      cause,
      timer: new Timer((laterMs) => this.#unanswered(laterMs, neighbour, suspicion)),
      sinceMs,
      askedMs: nowMs,
      untilMs: sinceMs + PAUSES * this.#pauseMs(nowMs, neighbour, usualMs),
      lookMs: nowMs,
      catchUps: 0,
      probes: 0,
      usualMs,
      sent: 0,
      wasQueueFull: false,
      arrived,
      arriving: arrived,
      extensions: 0,
    }
    this.#suspicions.set(neighbour, suspicion)
    this.#answersOf(neighbour).begin()
    this.#probe(nowMs, neighbour, suspicion)
  }

  /** A packet came from it: what it sends by itself does not show that it hears us. */
  heard(nowMs: number, neighbour: Neighbour): void {
    neighbour.lastHeardMs = nowMs
  }

  /**
   * It has answered us, or the kernel.
   * @param requests the numbers of ours that it acknowledges
   */
  answered(nowMs: number, neighbour: Neighbour, requests?: readonly number[]): void {
    let isOfNow = requests === undefined
    for (const opaque of requests ?? [])
      if (this.#answersOf(neighbour).answered(nowMs, opaque)) isOfNow = true
    this.#returned(nowMs, neighbour)
    const suspicion = this.#suspicions.get(neighbour)
    // What was asked before may have got there before whatever has happened since.
    if (suspicion !== undefined && isOfNow) {
      this.#clear(neighbour)
      // Who has not answered at first may have been cut off with all others, whose requests were lost as well.
      if (suspicion.probes >= SILENT_AFTER && neighbour.iface.kind !== 'lan') this.#uplinkMayBeBack(nowMs)
    }
    neighbour.lastHeardMs = nowMs
  }

  /** If that was it, who does not answer now is dead. */
  #uplinkMayBeBack(nowMs: number): void {
    for (const [other, waiting] of this.#suspicions)
      if (waiting.probes >= SILENT_AFTER && this.#isOurUplink(other, waiting)) {
        waiting.probes = 0
        waiting.extensions = 0
        waiting.askedMs = nowMs
        waiting.untilMs = nowMs + PAUSES * this.#pauseMs(nowMs, other, waiting.usualMs)
        this.#probe(nowMs, other, waiting)
      }
  }

  /** Since when a neighbour is asked whether it is alive; undefined: it is not, or has answered. */
  suspectedMs(neighbour: Neighbour): number | undefined {
    return this.#suspicions.get(neighbour)?.sinceMs
  }

  /** Whether there was a neighbour that may only seem to be dead. */
  isLost(iface: Interface, address: string): boolean {
    return this.#lost.has(keyOf(iface, address))
  }

  /** A neighbour that is new: is it one that we took for dead? */
  appeared(neighbour: Neighbour): void {
    const key = keyOf(neighbour.iface, neighbour.address)
    const lost = this.#lost.get(key)
    if (lost === undefined) return
    this.#world.timers.clear(lost.timer)
    this.#lost.delete(key)
    this.#patience.set(neighbour, lost.patience)
    this.#returning.set(neighbour, lost)
  }

  /** It answers: was it there all the time? That it is heard is not enough, what we send may still be lost. */
  #returned(nowMs: number, neighbour: Neighbour): void {
    const lost = this.#returning.get(neighbour)
    if (lost === undefined) return
    this.#returning.delete(neighbour)
    if (nowMs >= lost.suspectedMs + FALSE_ALARM_MS) return
    const factor = Math.min(MAX_PATIENCE, 2 * lost.patience.factor)
    this.#patience.set(neighbour, { factor, sinceMs: nowMs })
  }

  /** It is gone, for whatever reason. */
  forget(neighbour: Neighbour): void {
    this.#clear(neighbour)
  }

  /** The interface is gone, with all that was lost on it. */
  forgetInterface(iface: Interface): void {
    this.#queues.forget(iface.name)
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

  #answersOf(neighbour: Neighbour): AnswerTimes {
    let answers = this.#answers.get(neighbour)
    if (answers === undefined) {
      answers = new AnswerTimes()
      this.#answers.set(neighbour, answers)
    }
    return answers
  }

  #patienceWith(nowMs: number, neighbour: Neighbour): Patience {
    const { factor, sinceMs } = this.#patience.get(neighbour) ?? { factor: 1, sinceMs: nowMs }
    const halvings = Math.floor((nowMs - sinceMs) / FORGIVEN_MS)
    return { factor: Math.max(1, factor / 2 ** halvings), sinceMs: sinceMs + halvings * FORGIVEN_MS }
  }

  /** @param usualMs what is known better than the times in its hellos, of which the last one may be long ago */
  #pauseMs(nowMs: number, neighbour: Neighbour, usualMs: number | undefined): number {
    const answerMs = usualMs ?? neighbour.roundTrip.patienceMs() ?? 0
    const slowestMs = this.#answersOf(neighbour).atMost(nowMs)
    const pauseMs = Math.max(PAUSE_MS, PAUSE_SHARE * answerMs, SLOWEST_SHARE * slowestMs)
    return Math.min(MAX_PAUSE_MS, pauseMs * this.#patienceWith(nowMs, neighbour).factor)
  }

  /** Asks, and looks after a part of a pause whether it has answered. */
  #probe(nowMs: number, neighbour: Neighbour, suspicion: Suspicion, waitMs?: number): void {
    const { iface, address } = neighbour
    const pauseMs = this.#pauseMs(nowMs, neighbour, suspicion.usualMs)
    suspicion.probes++
    if (nowMs >= suspicion.arriving.atMs + pauseMs) {
      suspicion.arrived = suspicion.arriving
      suspicion.arriving = this.#arrivals(nowMs, neighbour)
    }
    const leftMs = suspicion.untilMs > nowMs ? Math.max(1, suspicion.untilMs - nowMs) : pauseMs
    suspicion.lookMs = nowMs + (waitMs ?? Math.min(pauseMs / REQUESTS_IN_PAUSE, leftMs))
    this.#world.timers.set(suspicion.timer, suspicion.lookMs)
    const share = this.#queues.shareSent(nowMs, iface.name)
    const copies = this.#queues.copies(nowMs, iface.name)
    suspicion.sent += copies * share
    suspicion.wasQueueFull ||= share < FULL_QUEUE_SHARE
    const request = this.#acknowledgments.probe()
    this.#answersOf(neighbour).asked(nowMs, request.opaque)
    for (let copy = 0; copy < copies; copy++) this.#world.output.send(iface.name, address, [request])
  }

  #unanswered(nowMs: number, neighbour: Neighbour, suspicion: Suspicion): void {
    const pauseMs = this.#pauseMs(nowMs, neighbour, suspicion.usualMs)
    const { catchingUpUntilMs } = this.#world
    // The answers may be there, and not be read yet.
    if (nowMs < catchingUpUntilMs) {
      suspicion.lookMs = catchingUpUntilMs
      this.#world.timers.set(suspicion.timer, catchingUpUntilMs)
      suspicion.catchUps++
      // After one stop, it has a whole pause to answer; where we always run late, it has had several.
      const leastMs = isStarved(suspicion) ? pauseMs / REQUESTS_IN_PAUSE : pauseMs
      suspicion.untilMs = Math.max(suspicion.untilMs, catchingUpUntilMs + leastMs)
      return
    }
    // Time in which we did not run does not count: none of our requests was on its way in it.
    const lateMs = nowMs - suspicion.lookMs
    if (lateMs > LATE_MS) suspicion.untilMs += lateMs
    const hasAskedEnough = !isStarved(suspicion) || suspicion.probes >= SILENT_AFTER
    if (nowMs < suspicion.untilMs || !hasAskedEnough || mayAllBeLostHere(nowMs, suspicion)) {
      this.#probe(nowMs, neighbour, suspicion)
      if (suspicion.probes === SILENT_AFTER) {
        this.#listener.silent(nowMs, neighbour)
        this.#askOthers(nowMs, neighbour)
      }
      return
    }
    suspicion.extensions++
    if (!this.#isOurUplink(neighbour, suspicion)) {
      if (suspicion.extensions > this.#allowedExtensions(neighbour, suspicion))
        return this.#die(nowMs, neighbour, suspicion)
      suspicion.untilMs = nowMs + Math.min(MAX_PAUSE_MS, pauseMs * 2 ** suspicion.extensions)
      return this.#probe(nowMs, neighbour, suspicion)
    }
    // All are silent: routes stay, for when it is back.
    const holdMs = HOLD_PAUSE_MS.first * 2 ** Math.min(8, suspicion.extensions - 1)
    this.#probe(nowMs, neighbour, suspicion, Math.max(pauseMs, Math.min(holdMs, HOLD_PAUSE_MS.last)))
  }

  #allowedExtensions(neighbour: Neighbour, { arrived }: Suspicion): number {
    if (this.#hasArrived(neighbour, arrived)) return EXTENSIONS_WHILE_USED
    return hasOtherWay(neighbour, () => true) ? 0 : EXTENSIONS_OF_THE_ONLY_WAY
  }

  #arrivals(nowMs: number, { iface }: Neighbour): Arrivals {
    return { atMs: nowMs, packets: this.#world.arrivals(iface.name) }
  }

  /** Whether anything has come from it since then. */
  #hasArrived({ iface }: Neighbour, { packets }: Arrivals): boolean {
    const now = this.#world.arrivals(iface.name)
    return now !== undefined && packets !== undefined && now > packets
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

  #die(nowMs: number, neighbour: Neighbour, { cause, sinceMs }: Suspicion): void {
    const { iface, address } = neighbour
    // Who was only heard meanwhile has been dead all the time.
    const suspectedMs = this.#returning.get(neighbour)?.suspectedMs ?? sinceMs
    const patience = this.#patienceWith(nowMs, neighbour)
    this.#listener.dead(nowMs, neighbour, cause)
    this.#world.output.send(iface.name, address, [unheard(iface, address)])
    const timer = new Timer((laterMs) => this.#askLost(laterMs, lost))
    const lost: Lost = {
      ...{ iface, address, suspectedMs, diedMs: nowMs, patience, timer },
      pauseMs: LOST_PAUSE_MS,
    }
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
    this.#world.output.send(iface.name, address, [unheard(iface, address), this.#acknowledgments.probe()])
  }
}

/** Whether we run late again and again. */
const isStarved = ({ catchUps }: Suspicion): boolean => catchUps >= STARVED_CATCH_UPS

/** Whether too few requests may have got out of our own queue to mean anything. */
const mayAllBeLostHere = (nowMs: number, { wasQueueFull, sent, askedMs }: Suspicion): boolean =>
  wasQueueFull && sent < REQUESTS_FROM_FULL_QUEUE && nowMs < askedMs + MAX_FULL_QUEUE_MS

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
