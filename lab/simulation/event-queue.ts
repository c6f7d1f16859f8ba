interface Event {
  readonly atMs: number
  readonly order: number
  readonly action: () => void
}

/** Virtual time: events in their order, without waiting. A binary heap. */
export class EventQueue {
  readonly #heap: Event[] = []
  #order = 0
  #nowMs = 0

  get nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, action: () => void): void {
    this.at(this.#nowMs + delayMs, action)
  }

  at(atMs: number, action: () => void): void {
    const heap = this.#heap
    const event: Event = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, action }
    // The place of the new event is moved up, and filled once.
    let place = heap.length
    for (heap.push(event); place > 0; ) {
      const parent = (place - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isBefore(event, above)) break
      heap[place] = above
      place = parent
    }
    heap[place] = event
  }

  /** Lets everything happen that is due until then. */
  run(untilMs: number): void {
    for (let next = this.#heap[0]; next && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#removeFirst()
      this.#nowMs = next.atMs
      next.action()
    }
    this.#nowMs = untilMs
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      let first = heap[child]
      if (first === undefined) break
      const second = heap[child + 1]
      if (second !== undefined && isBefore(second, first)) {
        first = second
        child += 1
      }
      if (!isBefore(first, last)) break
      heap[place] = first
      place = child
    }
    heap[place] = last
  }
}

const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
