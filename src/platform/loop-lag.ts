import { performance } from 'node:perf_hooks'

/** How long the event loop has been waiting for something to do, and at which time that was read; milliseconds. */
export interface LoopTimes {
  readonly idleMs: number
  readonly nowMs: number
}

const loopTimes = (): LoopTimes => {
  const { idle, active } = performance.eventLoopUtilization()
  return { idleMs: idle, nowMs: idle + active }
}

/** How often a look is taken when nothing else asks: what is not told apart between two looks counts as busy. */
const LOOK_MS = 250

/**
 * Tells how late what is read now may be read, because the event loop was busy with other things when it came: an upper
 * bound. The kernel has a time of arrival, but no way in Node.js leads to it.
 */
export class LoopLag implements Disposable {
  readonly #read: () => LoopTimes
  readonly #timer: NodeJS.Timeout
  #last: LoopTimes
  #busySinceMs: number

  /** @param read times of the loop, for tests */
  constructor(read: () => LoopTimes = loopTimes) {
    this.#read = read
    this.#last = read()
    this.#busySinceMs = this.#last.nowMs
    this.#timer = setInterval(() => this.busyMs(), LOOK_MS)
    this.#timer.unref()
  }

  /** For how long, at most, the loop has been busy without a pause. */
  busyMs(): number {
    const now = this.#read()
    const idleMs = now.idleMs - this.#last.idleMs
    if (idleMs > 0) {
      // It has waited since the last look. Whatever it did since then may have been after that.
      const activeMs = now.nowMs - this.#last.nowMs - idleMs
      this.#busySinceMs = now.nowMs - Math.max(0, activeMs)
      this.#last = now
    }
    return now.nowMs - this.#busySinceMs
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
