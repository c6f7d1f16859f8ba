/** What is published is signed before what only one node waits for. */
type Urgency = 'first' | 'later'

/** Lets only so many signatures be made at once as there are processors; of those that wait, urgent ones come first. */
export class SignatureTurns {
  readonly #atOnce: number
  readonly #waiting: Readonly<Record<Urgency, (() => void)[]>> = { first: [], later: [] }
  #running = 0

  constructor(atOnce: number) {
    this.#atOnce = atOnce
  }

  /** Ends as `work` does, which begins when it is its turn. */
  async take<T>(urgency: Urgency, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnce)
      await new Promise<void>((start) => {
        this.#waiting[urgency].push(start)
      })
    else this.#running++
    try {
      return await work()
    } finally {
      const next = this.#waiting.first.shift() ?? this.#waiting.later.shift()
      if (next) next()
      else this.#running--
    }
  }
}
