import { TokenBucket } from '../../../core/token-bucket.ts'

/** Who types his password wrong needs few attempts: of one address, for one name, and of all. */
const OF_SOURCE = { perSecond: 1 / 30, burst: 10 }
const FOR_NAME = { perSecond: 1 / 30, burst: 10 }
const IN_ALL = { perSecond: 2, burst: 50 }
/** How many addresses, and names, are told apart. */
const REMEMBERED = 2_000
/** How many passwords are looked at at once: each takes 32 MiB. */
const AT_ONCE = 2

/**
 * Limits attempts to sign in. A name has attempts for each address that has signed in as it before: somebody elsewhere
 * who guesses does not shut out whom it belongs to.
 */
export class SignInLimits {
  readonly #sources = new Map<string, TokenBucket>()
  readonly #names = new Map<string, TokenBucket>()
  /** `name`, a space, and the address from which it has signed in. */
  readonly #known = new Set<string>()
  readonly #all = new TokenBucket(IN_ALL.perSecond, IN_ALL.burst)
  #running = 0

  /**
   * Somebody wants to try.
   * @returns how long to wait in milliseconds; or 0, and then `end` must be called
   */
  begin(name: string, source: string, nowMs: number): number {
    const buckets = [
      bucketOf(this.#sources, source, OF_SOURCE),
      ...(this.#known.has(`${name} ${source}`) ? [] : [bucketOf(this.#names, name, FOR_NAME), this.#all]),
    ]
    const waitMs = Math.max(...buckets.map((bucket) => bucket.waitMs(nowMs)))
    if (waitMs > 0) return waitMs
    if (this.#running >= AT_ONCE) return 1_000
    for (const bucket of buckets) bucket.take(nowMs)
    this.#running += 1
    return 0
  }

  /** The attempt is over. */
  end(): void {
    this.#running -= 1
  }

  /** It was the right password. */
  succeeded(name: string, source: string): void {
    const known = `${name} ${source}`
    this.#known.delete(known)
    this.#known.add(known)
    const [oldest] = this.#known
    if (this.#known.size > REMEMBERED && oldest !== undefined) this.#known.delete(oldest)
    this.#sources.delete(source)
  }
}

/** Those that were heard of least lately are forgotten: what all may do in all counts for them. */
function bucketOf(
  buckets: Map<string, TokenBucket>,
  key: string,
  { perSecond, burst }: { readonly perSecond: number; readonly burst: number },
): TokenBucket {
  const bucket = buckets.get(key) ?? new TokenBucket(perSecond, burst)
  buckets.delete(key)
  const [oldest] = buckets.keys()
  if (buckets.size >= REMEMBERED && oldest !== undefined) buckets.delete(oldest)
  buckets.set(key, bucket)
  return bucket
}
