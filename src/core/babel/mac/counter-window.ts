/** How many numbers below the highest are remembered one by one (RFC 9467, 3.2). */
const SIZE = 128

/** Which packet counters were received (RFC 9467, 3.2): some reordering is no replay. */
export class CounterWindow {
  #highest: number
  /** A bit for each of the last `SIZE` numbers, at its number modulo `SIZE`. */
  readonly #seen = new Uint32Array(SIZE / 32)

  /** @param counter of the packet that proved itself fresh; the numbers below count as not received */
  constructor(counter: number) {
    this.#highest = counter
    this.#mark(counter)
  }

  /** Whether a packet with this number would be the first. */
  isFresh(counter: number): boolean {
    if (counter > this.#highest) return true
    return counter > this.#highest - SIZE && !this.#has(counter)
  }

  /** Remembers a number that is fresh. */
  accept(counter: number): void {
    if (counter - this.#highest >= SIZE) this.#seen.fill(0)
    else for (let each = this.#highest + 1; each < counter; each++) this.#clear(each)
    this.#highest = Math.max(this.#highest, counter)
    this.#mark(counter)
  }

  #has(counter: number): boolean {
    return ((this.#seen[wordOf(counter)] ?? 0) & bitOf(counter)) !== 0
  }

  #mark(counter: number): void {
    this.#seen[wordOf(counter)] = (this.#seen[wordOf(counter)] ?? 0) | bitOf(counter)
  }

  #clear(counter: number): void {
    this.#seen[wordOf(counter)] = (this.#seen[wordOf(counter)] ?? 0) & ~bitOf(counter)
  }
}

const wordOf = (counter: number): number => (counter % SIZE) >> 5
const bitOf = (counter: number): number => 1 << (counter & 31)
