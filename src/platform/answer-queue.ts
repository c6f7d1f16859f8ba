import { type Result, refuse } from '../core/result.ts'
import type { Clock } from './clock.ts'

/** A daemon answers in milliseconds; one that stands still, or is starved, takes longer. */
const ANSWER_TIMEOUT_MS = 10_000

/** Answers that have no number and come in the order of the questions. */
export class AnswerQueue {
  readonly #after: Clock['after']
  readonly #onLate: (question: string) => void
  readonly #pending: { readonly answer: (result: Result<string>) => void; readonly patience: Disposable }[] =
    []

  /**
   * @param after how time is measured: some of it may not count
   * @param onLate called when an answer has not come for too long: no later one could be told from it
   */
  constructor(after: Clock['after'], onLate: (question: string) => void) {
    this.#after = after
    this.#onLate = onLate
  }

  /** Something was asked. @param question for `onLate` @returns its answer */
  asked(question: string): Promise<Result<string>> {
    return new Promise((answer) => {
      const patience = this.#after(ANSWER_TIMEOUT_MS, () => this.#onLate(question))
      this.#pending.push({ answer, patience })
    })
  }

  /** An answer has come, to the oldest question. @returns whether there was one */
  answered(result: Result<string>): boolean {
    const oldest = this.#pending.shift()
    if (!oldest) return false
    oldest.patience[Symbol.dispose]()
    oldest.answer(result)
    return true
  }

  /** No more answers will come. */
  end(reason: string): void {
    while (this.answered(refuse(reason)));
  }
}
