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
/** A loop that finds something at once has not waited: it may have been there for long. */
const WAITED_MS = 0.1
/** A timer may be so late in a loop that has nothing else to do. */
const OVERDUE_MS = 5

/**
 * Tells how late what is read now may be read, because the event loop was busy with other things when it came: an upper
 * bound. The kernel has a time of arrival, but no way in Node.js leads to it.
 */
export class LoopLag implements Disposable {
  readonly #read: () => LoopTimes
  readonly #timer: NodeJS.Timeout
  #last: LoopTimes
  #busySinceMs: number
  #lookedMs: number

  /** @param read times of the loop, for tests */
  constructor(read: () => LoopTimes = loopTimes) {
    this.#read = read
    this.#last = read()
    this.#busySinceMs = this.#last.nowMs
    this.#lookedMs = this.#last.nowMs
    this.#timer = setInterval(() => this.look(), LOOK_MS)
    this.#timer.unref()
  }

  /** To be called each 250 ms, as the timer does: more is only for tests. */
  look(): void {
    const now = this.#read()
    // A loop that waits takes its looks in time: this whole process has stood still, or was not let run.
    if (now.nowMs > this.#lookedMs + LOOK_MS + OVERDUE_MS) {
      this.#busySinceMs = Math.min(this.#lookedMs, this.#busySinceMs)
      this.#last = now
    } else this.busyMs()
    this.#lookedMs = now.nowMs
  }

  /** For how long, at most, the loop has been busy without a pause, or this process has not run. */
  busyMs(): number {
    const now = this.#read()
    const idleMs = now.idleMs - this.#last.idleMs
    if (now.nowMs > this.#lookedMs + LOOK_MS + OVERDUE_MS)
      return now.nowMs - Math.min(this.#lookedMs, this.#busySinceMs)
    if (idleMs > WAITED_MS) {
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
