/** Something that is done at a time. It waits in a {@link TimerQueue} while it has one. */
export class Timer {
  readonly run: (nowMs: number) => void
  /** When; Infinity: it does not wait. The queue's to change. */
  atMs = Number.POSITIVE_INFINITY
  /** Where it stands in the queue. The queue's to change. */
  slot = -1
  /** Whether its turn comes in what is done now. The queue's to change. */
  isDue = false

  constructor(run: (nowMs: number) => void) {
    this.run = run
  }
}

/** All that waits, the earliest first: a binary heap in which each timer knows its place, so that it can be moved. */
export class TimerQueue {
  readonly #heap: Timer[] = []

  /** When the first one is due; Infinity: nothing waits. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY
  }

  /** Lets a timer wait for this time, instead of any other. */
  set(timer: Timer, atMs: number): void {
    timer.isDue = false
    if (atMs === timer.atMs) return
    if (atMs === Number.POSITIVE_INFINITY) {
      this.clear(timer)
      return
    }
    timer.atMs = atMs
    if (timer.slot < 0) {
      timer.slot = this.#heap.length
      this.#heap.push(timer)
    }
    this.#settle(timer)
  }

  /** Lets a timer wait for this time, unless it waits for an earlier one. */
  setBy(timer: Timer, atMs: number): void {
    if (!timer.isDue && atMs < timer.atMs) this.set(timer, atMs)
  }

  clear(timer: Timer): void {
    const { slot } = timer
    timer.isDue = false
    if (slot < 0) return
    timer.slot = -1
    timer.atMs = Number.POSITIVE_INFINITY
    const last = this.#heap.pop()
    if (last === undefined || last === timer) return
    last.slot = slot
    this.#heap[slot] = last
    this.#settle(last)
  }

  /**
   * Does what is due, unless something of it has cleared or moved the rest meanwhile. What sets itself to a time that has passed
   * is done in the next call.
   */
  runDue(nowMs: number): void {
    const due: Timer[] = []
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= nowMs; first = this.#heap[0]) {
      due.push(first)
      this.clear(first)
      first.isDue = true
    }
    for (const timer of due) {
      if (!timer.isDue) continue
      timer.isDue = false
      timer.run(nowMs)
    }
  }

  #settle(timer: Timer): void {
    const heap = this.#heap
    let { slot } = timer
    while (slot > 0) {
      const parent = heap[(slot - 1) >> 1] as Timer
      if (parent.atMs <= timer.atMs) break
      parent.slot = slot
      heap[slot] = parent
      slot = (slot - 1) >> 1
    }
    for (;;) {
      let child = 2 * slot + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && (heap[child + 1] as Timer).atMs < (heap[child] as Timer).atMs) child++
      const smaller = heap[child] as Timer
      if (smaller.atMs >= timer.atMs) break
      smaller.slot = slot
      heap[slot] = smaller
      slot = child
    }
    timer.slot = slot
    heap[slot] = timer
  }
}
