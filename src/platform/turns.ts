/** Does one thing at a time, in the order in which they are asked for. What fails keeps nothing after it from being done. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** Ends as `work` does, which begins when all before it have ended. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {}) // it is for the caller to hear
    return done
  }
}
