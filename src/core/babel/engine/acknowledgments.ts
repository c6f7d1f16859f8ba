import type { AcknowledgmentRequest } from '../wire/tlv.ts'
import { AnswerTimes } from './answer-times.ts'
import type { Entry, Interface, Neighbour } from './model.ts'
import { seqnoPlus } from './seqno.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** Within what a neighbour is asked to answer. */
export const ANSWER_WITHIN_MS = 50
const RETRY_AFTER_MS = 250
/** RFC 8966, 3.7.2: at most five copies. */
const COPIES = 4

interface Unconfirmed {
  readonly opaque: number
  readonly waiting: Set<Neighbour>
  readonly entries: readonly Entry[]
  readonly timer: Timer
  /** Told once, when it is answered, or those who do not answer are not to hold up others. */
  onFree: ((nowMs: number) => void) | undefined
  /** How many were asked. */
  readonly asked: number
  copies: number
}

/** What was told with a request to acknowledge it (RFC 8966, 3.3), until all have. */
export class Acknowledgments {
  readonly #world: World
  readonly #repeat: (
    nowMs: number,
    neighbour: Neighbour,
    entries: readonly Entry[],
    tlv: AcknowledgmentRequest,
  ) => void
  readonly #onUnanswered: (nowMs: number, neighbour: Neighbour, entries: readonly Entry[]) => void
  readonly #unconfirmed = new Map<number, Unconfirmed>()
  readonly #answerTimes = new WeakMap<Neighbour, AnswerTimes>()
  #opaque: number

  /**
   * @param repeat tells a neighbour of the costs and of destinations again, with that request
   * @param onUnanswered a neighbour has acknowledged no copy of what it was told of these
   */
  constructor(
    world: World,
    repeat: (
      nowMs: number,
      neighbour: Neighbour,
      entries: readonly Entry[],
      tlv: AcknowledgmentRequest,
    ) => void,
    onUnanswered: (nowMs: number, neighbour: Neighbour, entries: readonly Entry[]) => void,
  ) {
    this.#world = world
    this.#repeat = repeat
    this.#onUnanswered = onUnanswered
    this.#opaque = Math.floor(world.random.next() * 0x10000)
  }

  /** Whether everything was acknowledged, or given up. */
  get isEmpty(): boolean {
    return this.#unconfirmed.size === 0
  }

  /** Whether some neighbour has yet to acknowledge these. */
  isWaitingFor(entries: readonly Entry[]): boolean {
    for (const unconfirmed of this.#unconfirmed.values()) if (unconfirmed.entries === entries) return true
    return false
  }

  /** A request that nobody waits for: any packet is an answer. */
  probe(): AcknowledgmentRequest {
    this.#opaque = seqnoPlus(this.#opaque, 1)
    return { kind: 'acknowledgment-request', opaque: this.#opaque, intervalMs: ANSWER_WITHIN_MS }
  }

  /**
   * The request to send behind updates of `entries`.
   * @param onFree all have acknowledged it, or were given up; or some have, and the others are not to hold up what comes next
   */
  expect(
    nowMs: number,
    from: Iterable<Neighbour>,
    entries: readonly Entry[],
    onFree?: (nowMs: number) => void,
  ): AcknowledgmentRequest {
    const request = this.probe()
    const timer = new Timer((laterMs) => this.#retry(laterMs, unconfirmed))
    const waiting = new Set(from)
    const unconfirmed: Unconfirmed = {
      ...{ opaque: request.opaque, waiting, entries, timer, onFree, asked: waiting.size, copies: 1 },
    }
    this.#drop(nowMs, this.#unconfirmed.get(request.opaque))
    this.#unconfirmed.set(request.opaque, unconfirmed)
    for (const neighbour of unconfirmed.waiting) this.#answersOf(neighbour).asked(nowMs, request.opaque)
    this.#wait(nowMs, unconfirmed)
    return request
  }

  /** RFC 8966, 4.6.4 */
  hear(nowMs: number, neighbour: Neighbour, opaque: number): void {
    this.#answerTimes.get(neighbour)?.answered(nowMs, opaque)
    this.#settle(nowMs, this.#unconfirmed.get(opaque), neighbour)
  }

  /** Nothing more is expected from there. */
  forget(nowMs: number, neighbour: Neighbour): void {
    for (const unconfirmed of this.#unconfirmed.values()) this.#settle(nowMs, unconfirmed, neighbour)
  }

  #settle(nowMs: number, unconfirmed: Unconfirmed | undefined, neighbour: Neighbour): void {
    if (unconfirmed?.waiting.delete(neighbour) && unconfirmed.waiting.size === 0)
      this.#drop(nowMs, unconfirmed)
  }

  /** How long it took to acknowledge what it was told before: what is told again too early keeps it from answering. */
  #answersOf(neighbour: Neighbour): AnswerTimes {
    let times = this.#answerTimes.get(neighbour)
    if (times === undefined) {
      times = new AnswerTimes()
      this.#answerTimes.set(neighbour, times)
    }
    return times
  }

  #drop(nowMs: number, unconfirmed: Unconfirmed | undefined): void {
    if (unconfirmed === undefined) return
    this.#world.timers.clear(unconfirmed.timer)
    this.#unconfirmed.delete(unconfirmed.opaque)
    free(nowMs, unconfirmed)
  }

  #wait(nowMs: number, { waiting, timer, copies }: Unconfirmed): void {
    let slowestMs = 0
    for (const neighbour of waiting) {
      const { roundTrip } = neighbour
      slowestMs = Math.max(slowestMs, roundTrip.patienceMs() ?? 0, this.#answersOf(neighbour).atMost(nowMs))
    }
    this.#world.timers.set(timer, nowMs + Math.max(RETRY_AFTER_MS, ANSWER_WITHIN_MS + slowestMs) * copies)
  }

  #retry(nowMs: number, unconfirmed: Unconfirmed): void {
    const { waiting, entries, opaque } = unconfirmed
    if (unconfirmed.copies >= COPIES) {
      this.#drop(nowMs, unconfirmed)
      for (const neighbour of waiting) this.#onUnanswered(nowMs, neighbour, entries)
      return
    }
    unconfirmed.copies++
    if (waiting.size < unconfirmed.asked) free(nowMs, unconfirmed)
    this.#wait(nowMs, unconfirmed)
    const request = { kind: 'acknowledgment-request', opaque, intervalMs: ANSWER_WITHIN_MS } as const
    for (const neighbour of waiting) this.#repeat(nowMs, neighbour, entries, request)
  }
}

function free(nowMs: number, unconfirmed: Unconfirmed): void {
  const { onFree } = unconfirmed
  unconfirmed.onFree = undefined
  onFree?.(nowMs)
}

/** More neighbours than that are not asked: they are told again instead (RFC 8966, 3.7.2). */
const MAX_ASKED = 16

/** Whether neighbours of an interface are few enough to be asked for acknowledgments. */
export const mayBeAsked = ({ neighbours }: Interface): boolean => neighbours.size <= MAX_ASKED
