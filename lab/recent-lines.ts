/** The last lines of an output; older ones are forgotten, so that a chatty daemon costs no memory. */
export class RecentLines {
  readonly #capacity: number
  readonly #lines: string[] = []

  constructor(capacity = 500) {
    this.#capacity = capacity
  }

  add(line: string): void {
    this.#lines.push(line)
    // In batches: shift() for each line would move the whole array each time.
    if (this.#lines.length > this.#capacity * 2) this.#lines.splice(0, this.#capacity)
  }

  /** The last `count` lines, oldest first. */
  last(count = this.#capacity): readonly string[] {
    return this.#lines.slice(-Math.min(count, this.#capacity))
  }
}
