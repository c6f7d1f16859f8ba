import { Timer, type TimerQueue } from './timers.ts'

/**
 * Things that are looked at again when their time may have come, in buckets: what is renewed again and again costs
 * nothing in between, and however many buckets wait, a turn costs what is due.
 */
export class ExpiryWheel<T> {
  readonly #timers: TimerQueue
  readonly #visit: (item: T, nowMs: number) => number | undefined
  readonly #bucketMs: number
  readonly #buckets = new Map<number, T[]>()

  /** @param visit looks at one, and says when to look again, if ever */
  constructor(timers: TimerQueue, visit: (item: T, nowMs: number) => number | undefined, bucketMs = 1_000) {
    this.#timers = timers
    this.#visit = visit
    this.#bucketMs = bucketMs
  }

  /** Looks at something at this time, or up to the width of a bucket later. */
  add(item: T, atMs: number): void {
    const bucket = Math.ceil(atMs / this.#bucketMs)
    const items = this.#buckets.get(bucket)
    if (items) {
      items.push(item)
      return
    }
    this.#buckets.set(bucket, [item])
    this.#timers.set(new Timer((nowMs) => this.#turn(nowMs, bucket)), bucket * this.#bucketMs)
  }

  #turn(nowMs: number, bucket: number): void {
    const items = this.#buckets.get(bucket) ?? []
    this.#buckets.delete(bucket)
    for (const item of items) {
      const againMs = this.#visit(item, nowMs)
      if (againMs !== undefined) this.add(item, Math.max(againMs, nowMs + 1))
    }
  }
}
