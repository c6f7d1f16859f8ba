import type { Clock } from '../../platform/clock.ts'

/**
 * An acknowledgement does not say of what: it may be that of the session, or of what was said before. Whoever knows the
 * question answers it sooner than that behind it.
 */
const ACKNOWLEDGED_ONLY_MS = 500

/** Questions that were acknowledged, as it seems, and may have an answer all the same. */
export class LateAnswers implements Disposable {
  readonly #clock: Pick<Clock, 'after'>
  readonly #waiting = new Map<string, Disposable>()

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock
  }

  /** A question was acknowledged: `isUnanswered` is called if no answer comes. */
  acknowledged(question: string, isUnanswered: () => void): void {
    this.answered(question)
    const timer = this.#clock.after(ACKNOWLEDGED_ONLY_MS, () => {
      this.#waiting.delete(question)
      isUnanswered()
    })
    this.#waiting.set(question, timer)
  }

  /** An answer has come: what is asked after it is another question. */
  answered(question: string): void {
    this.#waiting.get(question)?.[Symbol.dispose]()
    this.#waiting.delete(question)
  }

  [Symbol.dispose](): void {
    for (const question of [...this.#waiting.keys()]) this.answered(question)
  }
}
