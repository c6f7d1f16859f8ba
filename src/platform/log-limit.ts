import { remember } from '../core/remember.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import type { Clock } from './clock.ts'

/** Lines of one kind: a few at once, then one in ten minutes. */
const BURST = 5
const PER_SECOND = 1 / 600
/** Kinds that are told apart. */
const MAX_KINDS = 200

interface Kind {
  readonly bucket: TokenBucket
  omitted: number
}

/** Keeps others from filling the log: of each kind of line that they can make us write, a few are, then one in ten
 * minutes. */
export class LogLimit {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #burst: number
  readonly #kinds = new Map<string, Kind>()

  /** @param burst how many are written at once: 1 for what is tried again until it succeeds */
  constructor(clock: Pick<Clock, 'monotonicMs'>, { burst = BURST }: { readonly burst?: number } = {}) {
    this.#clock = clock
    this.#burst = burst
  }

  /**
   * Writes a line, unless there were too many of its kind.
   * @param write given a field with the number of lines of this kind that were left out since the last one, if any
   */
  write(kind: string, write: (omitted: { readonly omitted?: number }) => void): void {
    const known = this.#kinds.get(kind) ?? this.#begin(kind)
    if (!known.bucket.take(this.#clock.monotonicMs())) return void known.omitted++
    const { omitted } = known
    known.omitted = 0
    write(omitted > 0 ? { omitted } : {})
  }

  /** What went wrong is right again: should it go wrong once more, that is news. */
  forget(): void {
    this.#kinds.clear()
  }

  #begin(kind: string): Kind {
    const begun = { bucket: new TokenBucket(PER_SECOND, this.#burst), omitted: 0 }
    remember(this.#kinds, kind, begun, MAX_KINDS)
    return begun
  }
}
