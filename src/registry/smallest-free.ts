/** Gives away the smallest non-negative integers that are not in use. */
export class SmallestFree {
  readonly #used = new Set<number>()
  /** All numbers below are in use. */
  #from = 0

  /** The smallest that is free; it is in use then. */
  take(): number {
    while (this.#used.has(this.#from)) this.#from++
    this.#used.add(this.#from)
    return this.#from
  }

  takeThis(number: number): void {
    this.#used.add(number)
  }

  give(number: number): void {
    if (this.#used.delete(number)) this.#from = Math.min(this.#from, number)
  }
}
