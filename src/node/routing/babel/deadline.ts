import type { Clock } from '../../../platform/clock.ts'

/** Waits for the next time at which something is due. */
export class Deadline implements Disposable {
  readonly #clock: Clock
  readonly #onDue: () => void
  #waiting: { readonly atMs: number; readonly alarm: Disposable } | undefined

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** It is then, and no other time; Infinity: nothing is due. */
  set(atMs: number): void {
    if (this.#waiting?.atMs === atMs) return
    this[Symbol.dispose]()
    if (!Number.isFinite(atMs)) return
    // Timers end up to a millisecond early.
    const alarm = this.#clock.after(Math.max(0, Math.ceil(atMs - this.#clock.monotonicMs())), () => {
      this.#waiting = undefined
      this.#onDue()
    })
    this.#waiting = { atMs, alarm }
  }

  [Symbol.dispose](): void {
    this.#waiting?.alarm[Symbol.dispose]()
    this.#waiting = undefined
  }
}
