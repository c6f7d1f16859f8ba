import { remember } from '../../core/remember.ts'
import { TokenBucket } from '../../core/token-bucket.ts'

/** What one source, and all together, may ask. */
export interface SourceLimits {
  /** Calls, and new connections, a second of one source, and at once. */
  readonly callsPerSecond: number
  readonly callsAtOnce: number
  /** Calls a second of all who never had a session, and at once. */
  readonly strangersPerSecond: number
  readonly strangersAtOnce: number
  /** Who sends more than anybody needs is not heard for so long. */
  readonly banMs: number
  /** Sources that are remembered: of strangers, and of those where a node is, as many again. */
  readonly remembered: number
}

interface Source {
  readonly calls: TokenBucket
  readonly connections: TokenBucket
  bannedUntilMs: number
  /** Who has proved last, there, who it is. */
  knownBy: string | undefined
}

/** Who can call from a thousand addresses is known at those where it was last: not all of them are read at any time. */
const PLACES = 4

/** Where calls come from, and what each source has used up. Those that were heard of least lately are forgotten. */
export class Sources {
  readonly #limits: SourceLimits
  readonly #strangers = new Map<string, Source>()
  /** Where a node has authenticated itself: a flood from forged subnets does not make us forget them. */
  readonly #known = new Map<string, Source>()
  /** Where each of those is known, the last one last. */
  readonly #places = new Map<string, readonly string[]>()
  readonly #ofStrangers: TokenBucket

  constructor(limits: SourceLimits) {
    this.#limits = limits
    this.#ofStrangers = new TokenBucket(limits.strangersPerSecond, limits.strangersAtOnce)
  }

  /** A connection was made. Whether it is worth reading. */
  isHeard(source: string, nowMs: number): boolean {
    const { bannedUntilMs, connections } = this.#source(source)
    return bannedUntilMs <= nowMs && connections.take(nowMs)
  }

  /** A call comes. Says whose fault it is if it cannot be heard. */
  charge(source: string, nowMs: number): 'ok' | 'source' | 'total' {
    const found = this.#source(source)
    if (found.bannedUntilMs > nowMs) return 'source'
    if (!found.calls.take(nowMs)) {
      found.bannedUntilMs = nowMs + this.#limits.banMs
      return 'source'
    }
    return this.isKnown(source) || this.#ofStrangers.take(nowMs) ? 'ok' : 'total'
  }

  /** It is not heard for a while. */
  ban(source: string, nowMs: number): void {
    this.#source(source).bannedUntilMs = nowMs + this.#limits.banMs
  }

  /** Somebody has proved there who it is: a node, or an operator. */
  know(source: string, who: string): void {
    const found = this.#source(source)
    if (found.knownBy === who && this.#known.has(source)) return
    found.knownBy = who
    this.#strangers.delete(source)
    const { remembered } = this.#limits
    remember(this.#known, source, found, remembered)
    const places = [...(this.#places.get(who) ?? []).filter((place) => place !== source), source]
    for (const left of places.splice(0, places.length - PLACES)) this.#leave(left, who)
    remember(this.#places, who, places, remembered)
  }

  /** It is a stranger's place again, unless somebody else is there. */
  #leave(source: string, who: string): void {
    const found = this.#known.get(source)
    if (found?.knownBy !== who) return
    this.#known.delete(source)
    remember(this.#strangers, source, found, this.#limits.remembered)
  }

  isKnown(source: string): boolean {
    return this.#known.has(source)
  }

  #source(source: string): Source {
    const sources = this.#known.has(source) ? this.#known : this.#strangers
    const { callsPerSecond, callsAtOnce } = this.#limits
    const found = sources.get(source) ?? {
      calls: new TokenBucket(callsPerSecond, callsAtOnce),
      connections: new TokenBucket(callsPerSecond, callsAtOnce),
      bannedUntilMs: 0,
      knownBy: undefined,
    }
    remember(sources, source, found, this.#limits.remembered)
    return found
  }
}
