import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'

/** Ours are about twenty; what the kernel says when it cannot send comes on top. */
const MAX_REASONS = 40
/** From so many in a report on, an operator should know. */
const MANY = 1_000
/** How often an operator is told. */
const WARNING_MS = 3600 * 1000

/** Counts datagrams that are ignored, by reason: there may be many thousands a second, and none is worth a line. */
export class IgnoredDatagrams {
  readonly #log: Logger
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #counts = new Map<string, number>()
  #lastSource: string | undefined
  #warnedMs = Number.NEGATIVE_INFINITY

  constructor(log: Logger, clock: Pick<Clock, 'monotonicMs'>) {
    this.#log = log
    this.#clock = clock
  }

  /** @param source address from which it came; undefined: it was to be sent */
  count(reason: string, source?: string): void {
    this.#lastSource = source ?? this.#lastSource
    const known = this.#counts.has(reason) || this.#counts.size < MAX_REASONS ? reason : 'other reasons'
    this.#counts.set(known, (this.#counts.get(known) ?? 0) + 1)
  }

  /** One line about all since the last report. */
  report(): void {
    if (this.#counts.size === 0) return
    const count = [...this.#counts.values()].reduce((sum, one) => sum + one, 0)
    const reason = [...this.#counts]
      .sort(([, one], [, other]) => other - one)
      .map(([why, times]) => `${why} (${times})`)
      .join('; ')
    const fields = { count, reason, source: this.#lastSource }
    this.#counts.clear()
    this.#lastSource = undefined
    const nowMs = this.#clock.monotonicMs()
    if (count < MANY || nowMs - this.#warnedMs < WARNING_MS) {
      this.#log.debug(fields, 'datagrams ignored')
      return
    }
    this.#warnedMs = nowMs
    this.#log.warn(
      fields,
      'many datagrams were ignored: somebody in the network sends nonsense to UDP port 326',
    )
  }
}
