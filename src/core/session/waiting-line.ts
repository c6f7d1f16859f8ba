import type { Said } from './session.ts'

/** Something that is to be said as soon as there is a session; how many times it was, in sessions that were lost. */
interface Waiting extends Said {
  readonly sinceMs: number
}

/** How long a message waits for a session. */
const HANDSHAKE_TIMEOUT_MS = 10_000
/** How many messages wait for one session. */
const MAX_WAITING = 8

/** What is to be said to a peer, the oldest first, until there is a session with it, or its handshake is given up. */
export class WaitingLine {
  #waiting: readonly Waiting[] = []

  /** Whether nothing waits. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Something new: what says the same does not wait any more, the oldest gives way when there is too much. */
  add(body: Uint8Array, nowMs: number): void {
    const others = this.#waiting.filter((waiting) => !isEqual(waiting.body, body))
    this.#waiting = [...others.slice(1 - MAX_WAITING), { body, sinceMs: nowMs, attempts: 0 }]
  }

  /** Something is to be said before all else, if it is not to be said anyway. */
  addFirst(body: Uint8Array, nowMs: number): void {
    if (this.#waiting.some((waiting) => isEqual(waiting.body, body))) return
    this.#waiting = [{ body, sinceMs: nowMs, attempts: 0 }, ...this.#waiting]
  }

  /** What was said in a session that is lost waits for the next one, before what was never said. */
  addLost(lost: readonly Said[], nowMs: number): void {
    if (lost.length === 0) return
    const waiting = lost.map(({ body, attempts }) => ({ body, sinceMs: nowMs, attempts }))
    this.#waiting = [...waiting, ...this.#waiting].slice(-MAX_WAITING)
  }

  /** What has waited too long is given up. */
  giveUp(nowMs: number): void {
    this.#waiting = this.#waiting.filter(({ sinceMs }) => nowMs - sinceMs < HANDSHAKE_TIMEOUT_MS)
  }

  /** All that waits: nothing waits any more. */
  take(): readonly Said[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }
}

const isEqual = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0
