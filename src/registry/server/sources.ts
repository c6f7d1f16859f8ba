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
}

/** Where calls come from, and what each source has used up. Those that were heard of least lately are forgotten. */
export class Sources {
  readonly #limits: SourceLimits
  readonly #strangers = new Map<string, Source>()
  /** Where a node has authenticated itself: a flood from forged subnets does not make us forget them. */
  readonly #known = new Map<string, Source>()
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

  /** A node has authenticated itself there. */
  know(source: string): void {
    if (this.#known.has(source)) return
    const found = this.#source(source)
    this.#strangers.delete(source)
    remember(this.#known, source, found, this.#limits.remembered)
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
    }
    remember(sources, source, found, this.#limits.remembered)
    return found
  }
}
