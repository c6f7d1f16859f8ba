import { TokenBucket } from '../core/token-bucket.ts'
import type { Clock } from '../platform/clock.ts'
import { Refusal } from './refusal.ts'
import type { Tokens } from './tokens.ts'

/** Mails that one source can cause: a few at once, then one a minute. */
const OF_SOURCE = { perSecond: 1 / 60, atOnce: 5 }
/** Mails in all: what a mail server takes from us without taking us for a spammer. */
const IN_ALL = { perSecond: 1, atOnce: 60 }
/** Sources that are remembered. */
const MAX_REMEMBERED = 10_000

/**
 * Requests for tokens by mail. Anybody may have one mailed to anybody: so each source, and all together, cause few mails;
 * that each address gets few, `Tokens` sees to.
 */
export class TokenRequests {
  readonly #tokens: Pick<Tokens, 'request'>
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #sources = new Map<string, TokenBucket>()
  readonly #all = new TokenBucket(IN_ALL.perSecond, IN_ALL.atOnce)

  constructor(tokens: Pick<Tokens, 'request'>, clock: Pick<Clock, 'monotonicMs'>) {
    this.#tokens = tokens
    this.#clock = clock
  }

  /**
   * Mails a token.
   * @param source undefined where it cannot be told
   * @throws Refusal for too many, and whatever is refused of one
   */
  async request(email: string, source: string | undefined): Promise<void> {
    const nowMs = this.#clock.monotonicMs()
    const own = source === undefined ? undefined : this.#bucketOf(source)
    if (own?.take(nowMs) === false)
      throw new Refusal(429, 'too many tokens were asked for from here: try again in a minute', {
        retryAfterMs: own.waitMs(nowMs),
      })
    if (!this.#all.take(nowMs))
      throw new Refusal(503, 'too many tokens are asked for: try again in some seconds', {
        retryAfterMs: this.#all.waitMs(nowMs),
      })
    await this.#tokens.request(email)
  }

  #bucketOf(source: string): TokenBucket {
    const bucket = this.#sources.get(source) ?? new TokenBucket(OF_SOURCE.perSecond, OF_SOURCE.atOnce)
    this.#sources.delete(source)
    const [oldest] = this.#sources.keys()
    if (this.#sources.size >= MAX_REMEMBERED && oldest !== undefined) this.#sources.delete(oldest)
    this.#sources.set(source, bucket)
    return bucket
  }
}
