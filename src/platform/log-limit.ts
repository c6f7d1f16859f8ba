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
  readonly #kinds = new Map<string, Kind>()

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
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

  #begin(kind: string): Kind {
    const [oldest] = this.#kinds.keys()
    if (this.#kinds.size >= MAX_KINDS && oldest !== undefined) this.#kinds.delete(oldest)
    const begun = { bucket: new TokenBucket(PER_SECOND, BURST), omitted: 0 }
    this.#kinds.set(kind, begun)
    return begun
  }
}
