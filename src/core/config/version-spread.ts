import { compareVersions } from '../values/network-version.ts'
import type { Prefix } from '../values/prefix.ts'

/** A version is said again after this, twice that, and so on, to whoever has not shown that it has it. */
const RETRY_MIN_MS = 2_000
const RETRY_MAX_MS = 30_000
/** Who has it is told now and then: what it acknowledged may have been something else. */
const REMINDER_MS = 60_000

/** What a neighbour was told of the newest version. */
interface Told {
  readonly hasIt: boolean
  readonly atMs: number
  /** How long to wait for an answer. */
  readonly patienceMs: number
}

const NOT_TOLD: Told = { hasIt: false, atMs: Number.NEGATIVE_INFINITY, patienceMs: 0 }

/**
 * How far the newest version of the network's configuration has come: it is said to each neighbour until that shows
 * that it has it, however many datagrams are lost, or sessions, while tunnels come and go.
 */
export class VersionSpread {
  #version: Uint8Array
  readonly #told = new Map<Prefix, Told>()

  constructor(version: Uint8Array) {
    this.#version = version
  }

  /** There is a newer version: nobody has it, as far as we know, but whoever told us. */
  setVersion(version: Uint8Array, from?: Prefix): void {
    this.#version = version
    for (const prefix of this.#told.keys()) this.#told.set(prefix, NOT_TOLD)
    if (from !== undefined) this.shown(from, version)
  }

  /** The nodes that are one hop away now. One that comes back begins anew: it may have been restarted. */
  setNeighbours(neighbours: readonly Prefix[]): void {
    const present = new Set(neighbours)
    for (const prefix of this.#told.keys()) if (!present.has(prefix)) this.#told.delete(prefix)
    for (const prefix of present) if (!this.#told.has(prefix)) this.#told.set(prefix, NOT_TOLD)
  }

  /** A node has said, or acknowledged, this version. */
  shown(prefix: Prefix, version: Uint8Array): void {
    const told = this.#told.get(prefix)
    if (told && compareVersions(version, this.#version) >= 0) this.#told.set(prefix, { ...told, hasIt: true })
  }

  /** Neighbours to whom the version is to be said now; they count as told. */
  due(nowMs: number): Prefix[] {
    const due = [...this.#told].filter(
      ([, { hasIt, atMs, patienceMs }]) => nowMs >= atMs + (hasIt ? REMINDER_MS : patienceMs),
    )
    for (const [prefix, { hasIt, patienceMs }] of due) {
      const next = Math.min(Math.max(2 * patienceMs, RETRY_MIN_MS), RETRY_MAX_MS)
      this.#told.set(prefix, { hasIt, atMs: nowMs, patienceMs: next })
    }
    return due.map(([prefix]) => prefix)
  }

  get hasNeighbours(): boolean {
    return this.#told.size > 0
  }
}
