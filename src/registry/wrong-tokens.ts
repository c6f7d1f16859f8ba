import { TokenBucket } from '../core/token-bucket.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { LogLimit } from '../platform/log-limit.ts'
import { TOKEN_LENGTH } from './tokens.ts'

/** Wrong tokens of one source, and of all: somebody who mistypes one needs few. */
const WRONG_OF_SOURCE = { perSecond: 0.1, burst: 20 }
const WRONG_IN_ALL = { perSecond: 1, burst: 200 }
/** How many sources of wrong tokens are told apart. */
const MAX_SOURCES = 2_000

/** Counts wrong tokens, so that nobody guesses one. */
export class WrongTokens {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #log: Logger
  /** Of however many addresses. */
  readonly #lines: LogLimit
  readonly #all = new TokenBucket(WRONG_IN_ALL.perSecond, WRONG_IN_ALL.burst)
  readonly #bySource = new Map<string, TokenBucket>()

  constructor(clock: Pick<Clock, 'monotonicMs'>, log: Logger) {
    this.#clock = clock
    this.#log = log
    this.#lines = new LogLimit(clock)
  }

  /**
   * How long it takes until a token is looked at: who has said many wrong ones waits. One as long as those that we make is
   * not guessed.
   */
  waitMs(token: string, source: string | undefined): number {
    if (token === '') return 0
    const nowMs = this.#clock.monotonicMs()
    const own = source === undefined ? undefined : this.#bySource.get(source)
    return Math.max(own?.waitMs(nowMs) ?? 0, token.length >= TOKEN_LENGTH ? 0 : this.#all.waitMs(nowMs))
  }

  /** @param source who has said it; undefined: nobody can tell */
  count(source: string | undefined): void {
    const nowMs = this.#clock.monotonicMs()
    this.#all.take(nowMs)
    // Of this machine, or by a proxy that names nobody: only what all may do counts.
    if (source === undefined) return
    if (this.#bySource.size >= MAX_SOURCES)
      for (const [other, bucket] of this.#bySource) if (bucket.isFull(nowMs)) this.#bySource.delete(other)
    const own =
      this.#bySource.get(source) ?? new TokenBucket(WRONG_OF_SOURCE.perSecond, WRONG_OF_SOURCE.burst)
    // More sources than that are a flood: what they may do in all counts.
    if (this.#bySource.size < MAX_SOURCES) this.#bySource.set(source, own)
    own.take(nowMs)
    if (!own.has(nowMs))
      this.#lines.write('wrong tokens', (omitted) =>
        this.#log.warn({ source, ...omitted }, 'too many wrong tokens from one address: it has to wait'),
      )
  }
}
