import { remember } from '../../../core/remember.ts'
import { TokenBucket } from '../../../core/token-bucket.ts'
import { TokenBuckets } from '../../../core/token-buckets.ts'

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
  readonly #sources = new TokenBuckets({ ...OF_SOURCE, remembered: REMEMBERED })
  readonly #names = new TokenBuckets({ ...FOR_NAME, remembered: REMEMBERED })
  /** `name`, a space, and the address from which it has signed in. */
  readonly #known = new Map<string, true>()
  readonly #all = new TokenBucket(IN_ALL.perSecond, IN_ALL.burst)
  #running = 0

  /**
   * Somebody wants to try.
   * @returns how long to wait in milliseconds; or 0, and then `end` must be called
   */
  begin(name: string, source: string, nowMs: number): number {
    const buckets = [
      this.#sources.of(source),
      ...(this.#known.has(`${name} ${source}`) ? [] : [this.#names.of(name), this.#all]),
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

  /** It was the right password: the attempt costs nothing. Wrong ones of the same address do, whoever else is right there. */
  succeeded(name: string, source: string): void {
    remember(this.#known, `${name} ${source}`, true, REMEMBERED)
    this.#sources.of(source).giveBack()
  }
}

/** Attempts without a password, at a provider or by certificate: of one address, and of all where nobody has signed in. */
const ELSEWHERE_OF_SOURCE = { perSecond: 1 / 10, burst: 20, remembered: REMEMBERED }
const ELSEWHERE_IN_ALL = { perSecond: 2, burst: 50 }

/** Limits attempts to sign in that are judged elsewhere: each asks a provider, or writes a line. */
export class AttemptLimits {
  readonly #sources = new TokenBuckets(ELSEWHERE_OF_SOURCE)
  readonly #all = new TokenBucket(ELSEWHERE_IN_ALL.perSecond, ELSEWHERE_IN_ALL.burst)

  /**
   * Somebody tries.
   * @param isKnown whether somebody has signed in there: others' attempts do not shut that out
   * @returns how long to wait in milliseconds; 0: not at all
   */
  take(source: string, isKnown: boolean, nowMs: number): number {
    const buckets = [this.#sources.of(source), ...(isKnown ? [] : [this.#all])]
    const waitMs = Math.max(...buckets.map((bucket) => bucket.waitMs(nowMs)))
    if (waitMs === 0) for (const bucket of buckets) bucket.take(nowMs)
    return waitMs
  }
}
