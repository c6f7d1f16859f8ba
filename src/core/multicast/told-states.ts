import type { Prefix } from '../values/prefix.ts'
import { NOTHING, type StateDigest } from './state-message.ts'

/** A neighbour that says nothing is told again after a second, two more, four more: then it takes no part, as it seems. */
const RETRIES = 5
const RETRY_MS = 1_000

interface Told {
  digest: StateDigest
  atMs: number
  /** When it is to be told again. */
  dueMs: number
  /** How many times it was told again without a word. */
  retries: number
  isReceived: boolean
}

/**
 * Which state each neighbour was told last, and whether it has it. Sessions say again what is lost, but not for ever: the
 * way to a neighbour that has just come may be missing for longer, or it may not listen yet, or have been started again.
 */
export class ToldStates {
  readonly #told = new Map<Prefix, Told>()

  /** Who was told something. */
  get peers(): Iterable<Prefix> {
    return this.#told.keys()
  }

  /** When somebody is to be told again. */
  get dueMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#told.values()].map(({ dueMs }) => dueMs))
  }

  /** Whether a neighbour was told something. */
  has(peer: Prefix): boolean {
    return this.#told.has(peer)
  }

  /**
   * Whether a neighbour is to be told this now; if so, it counts as told.
   *
   * @param takesPart whether it has said a word: one that has not is told what is new once
   */
  take(peer: Prefix, digest: StateDigest, takesPart: boolean, nowMs: number): boolean {
    const told = this.#told.get(peer)
    const isNews = told?.digest !== digest
    if (told !== undefined && !isNews && nowMs < told.dueMs) return false
    const before = told === undefined || (isNews && takesPart) ? 0 : told.retries
    const retries = told === undefined || isNews ? before : before + 1
    const dueMs = retries < RETRIES ? nowMs + RETRY_MS * 2 ** retries : Number.POSITIVE_INFINITY
    this.#told.set(peer, { digest, atMs: nowMs, dueMs, retries, isReceived: false })
    return true
  }

  /** A neighbour says which state it has of us. @returns whether somebody is to be told again for that */
  received(peer: Prefix, digest: StateDigest): boolean {
    const told = this.#told.get(peer)
    if (told === undefined) return false
    const had = told.isReceived
    told.isReceived = told.digest === digest
    if (told.isReceived) {
      told.retries = 0
      told.dueMs = Number.POSITIVE_INFINITY
      return false
    }
    // It may have been told since: then it will say so.
    if (!had && digest !== NOTHING) return false
    told.retries = 0
    told.dueMs = told.atMs + RETRY_MS
    return true
  }

  /** All are to be told again: what they were told may be forgotten. */
  refresh(): void {
    for (const told of this.#told.values()) told.dueMs = Number.NEGATIVE_INFINITY
  }

  /** It has missed what we said. */
  forget(peer: Prefix): void {
    this.#told.delete(peer)
  }

  /** Others are no neighbours any more. */
  keep(neighbours: ReadonlySet<Prefix>): void {
    for (const peer of [...this.#told.keys()]) if (!neighbours.has(peer)) this.#told.delete(peer)
  }
}
