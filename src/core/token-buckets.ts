import { remember } from './remember.ts'
import { TokenBucket } from './token-bucket.ts'

/** Limits of each of many that are told apart by a name. */
export interface TokenBucketsLimits {
  readonly perSecond: number
  readonly burst: number
  /** How many are told apart: those that were heard of least lately are forgotten. */
  readonly remembered: number
}

/** A token bucket for each of those who ask. */
export class TokenBuckets {
  readonly #limits: TokenBucketsLimits
  readonly #buckets = new Map<string, TokenBucket>()

  constructor(limits: TokenBucketsLimits) {
    this.#limits = limits
  }

  /** The one of somebody who asks now. */
  of(name: string): TokenBucket {
    const { perSecond, burst, remembered } = this.#limits
    const bucket = this.#buckets.get(name) ?? new TokenBucket(perSecond, burst)
    remember(this.#buckets, name, bucket, remembered)
    return bucket
  }
}
