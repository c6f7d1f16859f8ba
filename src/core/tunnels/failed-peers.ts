import type { Prefix } from '../values/prefix.ts'

/** What counts against peers, and for how long. */
export class FailedPeers {
  /** Peers whose addresses all failed, or whose tunnel did: not again before the next refresh. */
  readonly #excluded = new Set<Prefix>()
  /** Peers whose cached addresses failed: to be asked for new ones. */
  readonly #outdated = new Set<Prefix>()
  /** Peers with tunnels over which routing heard nobody, and how often that was; the last one last. */
  readonly #useless = new Map<Prefix, number>()

  isExcluded(prefix: Prefix): boolean {
    return this.#excluded.has(prefix)
  }

  exclude(prefix: Prefix): void {
    this.#excluded.add(prefix)
  }

  /** It is as good as any other one. */
  include(prefix: Prefix): void {
    this.#excluded.delete(prefix)
  }

  /** A tunnel to it was up, and of no use: it is not tried again before the others. */
  wasUseless(prefix: Prefix): void {
    const count = (this.#useless.get(prefix) ?? 0) + 1
    this.#useless.delete(prefix)
    this.#useless.set(prefix, count)
    this.#excluded.add(prefix)
  }

  /** The others are tried before it: that is no reason to wait longer for a tunnel to it. */
  putLast(prefix: Prefix): void {
    const count = this.uselessCount(prefix)
    this.#useless.delete(prefix)
    this.#useless.set(prefix, count)
  }

  /** How often tunnels to it were of no use, since one was of use. */
  uselessCount(prefix: Prefix): number {
    return this.#useless.get(prefix) ?? 0
  }

  /** A tunnel to it is of use. */
  isUseful(prefix: Prefix): void {
    this.#useless.delete(prefix)
    this.#excluded.delete(prefix)
  }

  /** In which order to try these: as they stand, but whose tunnels were of no use last, and longest ago first. */
  inOrder(prefixes: readonly Prefix[]): readonly Prefix[] {
    const wanted = new Set(prefixes)
    return [
      ...prefixes.filter((prefix) => !this.#useless.has(prefix)),
      ...[...this.#useless.keys()].filter((prefix) => wanted.has(prefix)),
    ]
  }

  /** Its addresses are to be asked for: what we know is of no use. */
  addOutdated(prefix: Prefix): void {
    this.#outdated.add(prefix)
  }

  isOutdated(prefix: Prefix): boolean {
    return this.#outdated.has(prefix)
  }

  /** @returns whether it was */
  takeOutdated(prefix: Prefix): boolean {
    return this.#outdated.delete(prefix)
  }

  get hasOutdated(): boolean {
    return this.#outdated.size > 0
  }

  get outdated(): readonly Prefix[] {
    return [...this.#outdated]
  }

  /** It was our own connection that failed: those that we did not reach may be tried again. */
  includeUnreached(): void {
    for (const prefix of this.#excluded) if (this.uselessCount(prefix) === 0) this.#excluded.delete(prefix)
  }

  /** Nobody else can help: those that are excluded may be tried again, in order. */
  includeAll(): void {
    this.#excluded.clear()
  }

  /** Time for another try of everything. */
  refresh(): void {
    this.#excluded.clear()
    this.#outdated.clear()
  }

  /** Nothing that happened before counts any more. */
  forgive(): void {
    this.#excluded.clear()
    this.#useless.clear()
  }
}
