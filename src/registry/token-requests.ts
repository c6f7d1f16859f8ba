import { TokenBucket } from '../core/token-bucket.ts'
import { TokenBuckets } from '../core/token-buckets.ts'
import type { Clock } from '../platform/clock.ts'
import { Refusal } from './refusal.ts'
import type { Tokens } from './tokens.ts'

/** Mails that one source can cause: a few at once, then one a minute; and how many sources are remembered. */
const OF_SOURCE = { perSecond: 1 / 60, burst: 5, remembered: 10_000 }
/** Mails in all: what a mail server takes from us without taking us for a spammer. */
const IN_ALL = { perSecond: 1, atOnce: 60 }

/**
 * Requests for tokens by mail. Anybody may have one mailed to anybody: so each source, and all together, cause few mails;
 * that each address gets few, `Tokens` sees to.
 */
export class TokenRequests {
  readonly #tokens: Pick<Tokens, 'isMailDue' | 'request'>
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #sources = new TokenBuckets(OF_SOURCE)
  readonly #all = new TokenBucket(IN_ALL.perSecond, IN_ALL.atOnce)

  constructor(tokens: Pick<Tokens, 'isMailDue' | 'request'>, clock: Pick<Clock, 'monotonicMs'>) {
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
    const own = source === undefined ? undefined : this.#sources.of(source)
    if (own?.take(nowMs) === false)
      throw new Refusal(429, 'too many tokens were asked for from here: try again in a minute', {
        retryAfterMs: own.waitMs(nowMs),
      })
    // What causes no mail takes nothing of what there is for all.
    if (!this.#tokens.isMailDue(email)) return
    if (!this.#all.take(nowMs))
      throw new Refusal(503, 'too many tokens are asked for: try again in some seconds', {
        retryAfterMs: this.#all.waitMs(nowMs),
      })
    await this.#tokens.request(email)
  }
}
