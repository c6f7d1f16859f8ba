import { shuffled } from '../../random.ts'
import type { Acknowledgments } from './acknowledgments.ts'
import { LATE_MS } from './catching-up.ts'
import { Checks } from './checks.ts'
import { Deadlines } from './deadlines.ts'
import type { FullQueues } from './full-queues.ts'
import { LostNeighbours } from './lost-neighbours.ts'
import type { Interface, Neighbour } from './model.ts'
import type { NeighbourCause } from './ports.ts'
import { Questions } from './questions.ts'
import {
  arrivalsFrom,
  hasArrivedSince,
  isStarved,
  mayAllBeLostHere,
  newSuspicion,
  type Suspicion,
} from './suspicion.ts'
import { Uplink } from './uplink.ts'
import type { World } from './world.ts'

/** In each pause: some requests may be lost. */
const REQUESTS_IN_PAUSE = 3
/** How many pauses are the longest that is waited at once. */
const MAX_EXTENSION_MS = 2_000
/**
 * Where packets still come over it, though no answer, a link may be full, and slower than it ever was: whether they arrive in
 * the other direction is not known.
 */
const EXTENSIONS_WHILE_USED = 3
/** How many others are asked as well: is it them, or is it us? */
const OTHERS_ASKED = 3
/** Who has not answered for a pause is silent. */
const SILENT_AFTER = 1 + REQUESTS_IN_PAUSE
/** Between requests while our own uplink is down. */
const HOLD_PAUSE_MS = { first: 250, last: 1_000 } as const
/** One of which so many hellos have come in a row is heard over an uplink that is there. */
const STEADY_HELLOS = 3
/** Together, they are asked no more often: it is enough that one of them answers. */
const HELD_MS = 200
/** To read what came while we did not run: a turn of the event loop. A doubt that was wrong costs little. */
const READ_MS = 40
/** Where it could not be asked more often, nobody is doubted for one question: it may have been lost. */
const QUESTIONS_TO_DOUBT = 2
/** Nor dead for fewer than it would have been asked otherwise. */
const QUESTIONS_TO_DEATH = 12

/** Who is told of neighbours that do not answer. */
export interface LivenessListener {
  /** One has not answered for a moment. */
  silent(nowMs: number, neighbour: Neighbour): void
  /** One has not answered for so long that packets are better sent another way. */
  doubted(nowMs: number, neighbour: Neighbour): void
  /** One that was doubted has answered. */
  trusted(nowMs: number, neighbour: Neighbour): void
  dead(nowMs: number, neighbour: Neighbour, cause: NeighbourCause): void
}

/**
 * Whether neighbours are alive, where it matters: nothing is asked of a link that nobody uses.
 *
 *     suspected ─► silent ─► doubted ─► dead ─► (asked for a while) back
 *         └───────────┴─────────┴─► answers
 *
 * Doubt comes soon, and only makes the way expensive; death takes as long as a bad link may stand still.
 */
export class Liveness {
  readonly #world: World
  readonly #uplink: Uplink
  readonly #queues: FullQueues
  readonly #listener: LivenessListener
  readonly #suspicions = new Map<Neighbour, Suspicion>()
  readonly #deadlines: Deadlines
  readonly #lost: LostNeighbours
  readonly #questions: Questions
  readonly #checks: Checks

  constructor(
    world: World,
    acknowledgments: Acknowledgments,
    queues: FullQueues,
    listener: LivenessListener,
  ) {
    this.#world = world
    this.#uplink = new Uplink(world)
    this.#queues = queues
    this.#listener = listener
    this.#deadlines = new Deadlines(world)
    this.#lost = new LostNeighbours(world, acknowledgments)
    this.#questions = new Questions(world, acknowledgments, queues)
    this.#checks = new Checks(world, acknowledgments, this.#deadlines, (nowMs, neighbour) =>
      this.suspect(nowMs, neighbour, 'no answer'),
    )
  }

  /** Looks whether one answers that nobody misses. */
  check(nowMs: number, neighbour: Neighbour): void {
    if (!this.#suspicions.has(neighbour)) this.#checks.ask(nowMs, neighbour)
  }

  /**
   * Something that should have come from a neighbour did not: asks it.
   * @param sinceMs since when it was asked by others, who would have told of an answer
   */
  suspect(nowMs: number, neighbour: Neighbour, cause: NeighbourCause, sinceMs = nowMs): void {
    if (this.#suspicions.has(neighbour)) return
    this.#checks.end(neighbour)
    const { iface, address } = neighbour
    const usualMs = this.#world.usualAnswerMs(iface.name, address)
    const suspicion: Suspicion = newSuspicion(
      nowMs,
      { cause, sinceMs, usualMs, arrived: arrivalsFrom(this.#world, nowMs, neighbour) },
      {
        unanswered: (laterMs) => this.#unanswered(laterMs, neighbour, suspicion),
        unansweredForLong: (laterMs) => this.#unansweredForLong(laterMs, neighbour, suspicion),
      },
    )
    this.#suspicions.set(neighbour, suspicion)
    this.#deadlines.patienceWith(neighbour).answers.begin()
    this.#begin(nowMs, neighbour, suspicion)
  }

  /** Asks for the first time: since then, nothing that comes is an answer to anything else. */
  #begin(nowMs: number, neighbour: Neighbour, suspicion: Suspicion): void {
    if (!this.#questions.areAllowed(nowMs)) {
      suspicion.sinceMs = nowMs
      return this.#lookAfter(nowMs, suspicion, this.#deadlines.pauseMs(nowMs, neighbour, suspicion))
    }
    this.#judgeFrom(suspicion.sinceMs, nowMs, neighbour, suspicion)
  }

  /** Asks now; silence since then leads to doubt, and to death. */
  #judgeFrom(sinceMs: number, nowMs: number, neighbour: Neighbour, suspicion: Suspicion): void {
    suspicion.sinceMs = sinceMs
    suspicion.askedMs = nowMs
    suspicion.doubtMs = this.#deadlines.doubtMs(nowMs, neighbour, suspicion)
    suspicion.untilMs = this.#deadlines.deathMs(nowMs, neighbour, suspicion)
    this.#probe(nowMs, neighbour, suspicion)
    if (!suspicion.hasLedToDoubt) this.#world.timers.set(suspicion.doubtTimer, suspicion.doubtMs)
  }

  /** A packet came from it: what it sends by itself does not show that it hears us, but that our uplink is there again. */
  heard(nowMs: number, neighbour: Neighbour): void {
    if (neighbour.iface.kind !== 'lan' && this.#suspicions.size > 0)
      this.#uplinkMayBeBack(nowMs, {
        concerns: ({ extensions }) => extensions > 0,
        isSteady: neighbour.missedHellos(STEADY_HELLOS) === 0,
      })
    neighbour.lastHeardMs = nowMs
  }

  /**
   * It has answered us, or the kernel.
   * @param requests the numbers of ours that it acknowledges
   */
  answered(nowMs: number, neighbour: Neighbour, requests?: readonly number[]): void {
    const patience = this.#deadlines.patienceWith(neighbour)
    let isOfNow = requests === undefined
    for (const opaque of requests ?? []) if (patience.answers.answered(nowMs, opaque)) isOfNow = true
    this.#lost.answered(nowMs, neighbour)
    if (isOfNow) this.#checks.end(neighbour)
    const suspicion = this.#suspicions.get(neighbour)
    // What was asked before may have got there before whatever has happened since.
    if (suspicion !== undefined && isOfNow) {
      patience.heldUp(nowMs, nowMs - suspicion.sinceMs)
      this.#clear(neighbour)
      if (suspicion.hasLedToDoubt) this.#listener.trusted(nowMs, neighbour)
      // Who has not answered at first may have been cut off with all others, whose requests were lost as well.
      if (suspicion.probes >= SILENT_AFTER && neighbour.iface.kind !== 'lan') this.#uplinkMayBeBack(nowMs)
    }
    neighbour.lastHeardMs = nowMs
  }

  /**
   * If that was it, who does not answer now is dead.
   * @param concerns whom
   * @param isSteady whether it seems to have been there all the time, as no hello of the one that is heard is missing
   */
  #uplinkMayBeBack(nowMs: number, { concerns = anybody, isSteady = false } = {}): void {
    for (const [other, waiting] of this.#suspicions)
      if (
        waiting.probes >= SILENT_AFTER &&
        concerns(waiting) &&
        this.#uplink.mayBeDown(nowMs, other, waiting.askedMs)
      ) {
        waiting.probes = 0
        waiting.extensions = 0
        const { askedMs } = waiting
        this.#judgeFrom(nowMs, nowMs, other, waiting)
        // The second time, who is heard counts as heard: one that does not hear us any more may go on saying hello.
        if (waiting.hasSeemedBack && isSteady) waiting.askedMs = askedMs
        waiting.hasSeemedBack = true
      }
  }

  /** Since when a neighbour is asked whether it is alive; undefined: it is not, or has answered. */
  suspectedMs(neighbour: Neighbour): number | undefined {
    return this.#suspicions.get(neighbour)?.sinceMs
  }

  /** Whether there was a neighbour that may only seem to be dead. */
  isLost(iface: Interface, address: string): boolean {
    return this.#lost.has(iface, address)
  }

  /** A neighbour that is new: is it one that we took for dead? */
  appeared(neighbour: Neighbour): void {
    this.#deadlines.setPatience(neighbour, this.#lost.appeared(neighbour))
  }

  /** It is gone, for whatever reason. */
  forget(neighbour: Neighbour): void {
    this.#checks.end(neighbour)
    this.#clear(neighbour)
  }

  /** The interface is gone, with all that was lost on it. */
  forgetInterface(iface: Interface): void {
    this.#queues.forget(iface.name)
    this.#lost.forgetInterface(iface)
  }

  #clear(neighbour: Neighbour): void {
    const suspicion = this.#suspicions.get(neighbour)
    if (suspicion) {
      this.#world.timers.clear(suspicion.timer)
      this.#world.timers.clear(suspicion.doubtTimer)
    }
    this.#suspicions.delete(neighbour)
  }

  /** Asks, and looks after a part of a pause whether it has answered. */
  #probe(nowMs: number, neighbour: Neighbour, suspicion: Suspicion, waitMs?: number): void {
    const pauseMs = this.#deadlines.pauseMs(nowMs, neighbour, suspicion)
    if (nowMs >= suspicion.arriving.atMs + pauseMs) {
      suspicion.arrived = suspicion.arriving
      suspicion.arriving = arrivalsFrom(this.#world, nowMs, neighbour)
    }
    const leftMs = suspicion.untilMs > nowMs ? Math.max(1, suspicion.untilMs - nowMs) : pauseMs
    // Of who is doubted it is not urgent to know.
    const nextMs = suspicion.hasLedToDoubt ? pauseMs : pauseMs / REQUESTS_IN_PAUSE
    const isAsked = this.#questions.ask(nowMs, neighbour, suspicion, this.#deadlines.patienceWith(neighbour))
    this.#lookAfter(nowMs, suspicion, waitMs ?? (isAsked ? Math.min(nextMs, leftMs) : pauseMs))
    if (!isAsked) suspicion.isHeldBack = true
    // Time in which it is not asked tells nothing: the last question has a whole pause.
    else if (suspicion.isHeldBack) suspicion.untilMs = Math.max(suspicion.untilMs, nowMs + pauseMs)
  }

  #lookAfter(nowMs: number, suspicion: Suspicion, ms: number): void {
    suspicion.lookMs = nowMs + ms
    this.#world.timers.set(suspicion.timer, suspicion.lookMs)
  }

  #unansweredForLong(nowMs: number, neighbour: Neighbour, suspicion: Suspicion): void {
    const lateMs = nowMs - suspicion.doubtMs
    const againMs = (ms: number) => this.#world.timers.set(suspicion.doubtTimer, nowMs + ms)
    // We did not run when it was time to.
    if (suspicion.probes < SILENT_AFTER) this.#askOthers(nowMs, neighbour)
    // The answer may be there, and not be read yet.
    if (!suspicion.isDoubtPutOff && (lateMs > LATE_MS || nowMs < this.#world.catchingUpUntilMs)) {
      suspicion.isDoubtPutOff = true
      return againMs(READ_MS)
    }
    // We have found out meanwhile that we run late all the time.
    const doubtMs = this.#deadlines.doubtMs(nowMs, neighbour, suspicion)
    if (doubtMs > Math.max(nowMs, suspicion.doubtMs)) {
      suspicion.doubtMs = doubtMs
      return againMs(doubtMs - nowMs)
    }
    const isAskedTooLittle = suspicion.isHeldBack && suspicion.probes < QUESTIONS_TO_DOUBT
    const mayBeLost = isAskedTooLittle || mayAllBeLostHere(nowMs, suspicion, 'doubt')
    const isHeld = this.#uplink.mayBeDown(nowMs, neighbour, suspicion.askedMs)
    // Others on a LAN may have an uplink of their own.
    if (mayBeLost || (isHeld && !this.#uplink.hasWayOverLan(nowMs, neighbour)))
      return againMs(
        suspicion.extensions > 0
          ? HELD_MS
          : this.#deadlines.pauseMs(nowMs, neighbour, suspicion) / REQUESTS_IN_PAUSE,
      )
    suspicion.hasLedToDoubt = true
    this.#listener.doubted(nowMs, neighbour)
  }

  #unanswered(nowMs: number, neighbour: Neighbour, suspicion: Suspicion): void {
    if (suspicion.probes === 0) return this.#begin(nowMs, neighbour, suspicion)
    const pauseMs = this.#deadlines.pauseMs(nowMs, neighbour, suspicion)
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
    const enough = suspicion.isHeldBack ? QUESTIONS_TO_DEATH : isStarved(suspicion) ? SILENT_AFTER : 0
    const hasAskedEnough = suspicion.probes >= enough
    if (nowMs < suspicion.untilMs || !hasAskedEnough || mayAllBeLostHere(nowMs, suspicion, 'death')) {
      this.#probe(nowMs, neighbour, suspicion)
      if (suspicion.probes === SILENT_AFTER) {
        this.#listener.silent(nowMs, neighbour)
        this.#askOthers(nowMs, neighbour)
      }
      return
    }
    suspicion.extensions++
    if (!this.#uplink.mayBeDown(nowMs, neighbour, suspicion.askedMs)) {
      const allowed = hasArrivedSince(this.#world, neighbour, suspicion.arrived) ? EXTENSIONS_WHILE_USED : 0
      if (suspicion.extensions > allowed) return this.#die(nowMs, neighbour, suspicion)
      suspicion.untilMs = nowMs + Math.min(MAX_EXTENSION_MS, pauseMs * 2 ** suspicion.extensions)
      return this.#probe(nowMs, neighbour, suspicion)
    }
    // All are silent: routes stay, for when it is back.
    const holdMs = HOLD_PAUSE_MS.first * 2 ** Math.min(8, suspicion.extensions - 1)
    const leastMs = Math.max(pauseMs, HELD_MS * this.#suspicions.size)
    this.#probe(nowMs, neighbour, suspicion, Math.max(leastMs, Math.min(holdMs, HOLD_PAUSE_MS.last)))
  }

  /** Some of those that share our uplink, who ask others themselves if they do not answer: it is enough that one does. */
  #askOthers(nowMs: number, neighbour: Neighbour): void {
    const askedMs = this.#suspicions.get(neighbour)?.askedMs ?? nowMs
    const others = [...this.#uplink.others(neighbour)]
    if (others.some(({ lastHeardMs }) => lastHeardMs > askedMs)) return
    const unasked = others.filter((other) => !this.#suspicions.has(other))
    for (const other of shuffled(this.#world.random, unasked).slice(0, OTHERS_ASKED))
      this.suspect(nowMs, other, 'no answer')
  }

  #die(nowMs: number, neighbour: Neighbour, { cause }: Suspicion): void {
    this.#listener.dead(nowMs, neighbour, cause)
    this.#lost.add(nowMs, neighbour, this.#deadlines.patienceWith(neighbour))
  }
}

const anybody = (_: Suspicion): boolean => true
