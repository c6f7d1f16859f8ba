import { AnswerTimes } from './answer-times.ts'
import type { Lateness } from './lateness.ts'

/** An answer that has not come for so long is missing, on a quick link; more where answers take longer. */
const PAUSE_MS = 85
const MAX_PAUSE_MS = 2_000
/** Of the time that an answer may take: most requests have it all when the last pause is over. */
const PAUSE_SHARE = 0.75
/** Of the time that the slowest answer took: a queue that fills more than doubles its length before we know of it. */
const SLOWEST_SHARE = 0.65
/** A neighbour that has not answered for so many pauses is doubted: longer than a packet is late that TCP sends again. */
const PAUSES_TO_DOUBT = 2
/** What a full queue may add to that, and no more: while a link is that full, another one is better anyway. */
const MAX_LOAD_MS = 300
/**
 * After so many it is dead. A tunnel over TCP stands still for 200 ms where a packet is lost, for 600 ms where it is lost
 * again (RFC 6298, 5.5): where packets go meanwhile, doubt has decided long before.
 */
const PAUSES_TO_DEATH = 9
/** A question and its answer wait for a processor some six times, and may wait that often in two pauses. */
const WAITS_IN_PAUSE = 3
/** Where it stood still for so long lately, next time it may be another doubling, and the rest of this one. */
const HELD_UP_FACTOR = 3
/** What takes longer was an outage: the next one is to be found as soon. */
const LONGEST_HOLD_UP_MS = 2_000
/** How long until half of a standstill is forgotten: with 5 % of loss, one of 600 ms comes every few minutes. */
const HELD_UP_HALF_LIFE_MS = 1_800_000
const MAX_FACTOR = 8
/** After so long without another false alarm, half of what was added is enough. */
const FORGIVEN_MS = 600_000

/** How long a neighbour has for an answer, by all that is known of its answers. */
export class Patience {
  readonly answers = new AnswerTimes()
  readonly #lateness: Lateness
  /** How many times longer is waited until it is dead, since the last false alarm. */
  #factor = 1
  #factorSinceMs = 0
  #heldUpMs = 0
  #heldUpAtMs = 0

  /** @param lateness of our own machine: those of others may have as much to do */
  constructor(lateness: Lateness) {
    this.#lateness = lateness
  }

  /** The time in which an answer comes as a rule. @param answerMs how long it takes, if that is known */
  pauseMs(nowMs: number, answerMs: number | undefined): number {
    const knownMs = Math.max(pauseFor(answerMs), SLOWEST_SHARE * this.answers.atMost(nowMs))
    return Math.min(MAX_PAUSE_MS, knownMs + this.#waitsMs)
  }

  /**
   * When packets are better sent another way, from the first question on.
   * @param calmMs how long an answer takes on the link when it is not full, if that is known
   */
  doubtAfterMs(nowMs: number, answerMs: number | undefined, calmMs: number | undefined): number {
    return (
      PAUSES_TO_DOUBT *
      Math.min(this.pauseMs(nowMs, answerMs), pauseFor(calmMs) + MAX_LOAD_MS / 2 + this.#waitsMs)
    )
  }

  /** For answers to our own questions: to the first of them and, should that be lost, to those that follow in a pause. */
  ownAnswersMs(nowMs: number, answerMs: number | undefined, calmMs: number | undefined): number {
    const known = [answerMs, calmMs, this.answers.recentMs(nowMs)].filter((ms) => ms !== undefined)
    const quickestMs = known.length === 0 ? 0 : Math.min(...known)
    return quickestMs + pauseFor(quickestMs)
  }

  /** When it is dead, from the first question on. */
  deathAfterMs(nowMs: number, answerMs: number | undefined): number {
    const heldUpMs = HELD_UP_FACTOR * this.#heldUp(nowMs)
    return this.#factorAt(nowMs) * Math.max(PAUSES_TO_DEATH * this.pauseMs(nowMs, answerMs), heldUpMs)
  }

  /** It has answered, after so long. */
  heldUp(nowMs: number, ms: number): void {
    if (ms > LONGEST_HOLD_UP_MS || ms < this.#heldUp(nowMs)) return
    this.#heldUpMs = ms
    this.#heldUpAtMs = nowMs
  }

  /** It was taken for dead, and was there all the time. */
  falseAlarm(nowMs: number): void {
    this.#factor = Math.min(MAX_FACTOR, 2 * this.#factorAt(nowMs))
    this.#factorSinceMs = nowMs
  }

  get #waitsMs(): number {
    return WAITS_IN_PAUSE * this.#lateness.meanMs
  }

  #heldUp(nowMs: number): number {
    return this.#heldUpMs * 2 ** ((this.#heldUpAtMs - nowMs) / HELD_UP_HALF_LIFE_MS)
  }

  #factorAt(nowMs: number): number {
    return Math.max(1, this.#factor / 2 ** Math.floor((nowMs - this.#factorSinceMs) / FORGIVEN_MS))
  }
}

const pauseFor = (answerMs: number | undefined): number =>
  Math.min(MAX_PAUSE_MS, Math.max(PAUSE_MS, PAUSE_SHARE * (answerMs ?? 0)))
