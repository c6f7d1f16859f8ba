interface Event {
  readonly atMs: number
  readonly order: number
  readonly action: () => void
}

/** What is due within so long is sorted together. */
const BUCKET_MS = 16

/**
 * Virtual time: events in their order, without waiting. Only those that are due next are kept sorted, in a binary heap; the
 * others wait in buckets. A heap of all of them would be read all over for each event, which no cache bears.
 */
export class EventQueue {
  readonly #buckets = new Map<number, Event[]>()
  /** Events of the bucket that is due, and earlier ones. */
  readonly #heap: Event[] = []
  #bucket = 0
  #order = 0
  #nowMs = 0

  get nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, action: () => void): void {
    this.at(this.#nowMs + delayMs, action)
  }

  at(atMs: number, action: () => void): void {
    const event: Event = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, action }
    const bucket = Math.floor(event.atMs / BUCKET_MS)
    if (bucket <= this.#bucket) return this.#push(event)
    const events = this.#buckets.get(bucket)
    if (events) events.push(event)
    else this.#buckets.set(bucket, [event])
  }

  /** Lets everything happen that is due until then. */
  run(untilMs: number): void {
    const lastBucket = Math.floor(untilMs / BUCKET_MS)
    for (;;) {
      for (let next = this.#heap[0]; next && next.atMs <= untilMs; next = this.#heap[0]) {
        this.#removeFirst()
        this.#nowMs = next.atMs
        next.action()
      }
      if (this.#bucket >= lastBucket) break
      this.#bucket++
      for (const event of this.#buckets.get(this.#bucket) ?? []) this.#push(event)
      this.#buckets.delete(this.#bucket)
    }
    this.#nowMs = untilMs
  }

  #push(event: Event): void {
    const heap = this.#heap
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
