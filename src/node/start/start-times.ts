import type { Clock } from '../../platform/clock.ts'

/** What a start consists of. Some of it is done side by side. */
export type StartPart = 'foundation' | 'membership' | 'addresses' | 'router' | 'servers' | 'all'

/** When the parts of a start were done, in milliseconds since it began: tells what a slow one waits for. */
export class StartTimes {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #reachedMs: Partial<Record<StartPart, number>> = {}
  readonly beganMs: number

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
    this.beganMs = clock.monotonicMs()
  }

  /** A part is done now. */
  reached(part: StartPart): void {
    this.#reachedMs[part] = Math.round(this.#clock.monotonicMs() - this.beganMs)
  }

  get reachedMs(): Readonly<Partial<Record<StartPart, number>>> {
    return this.#reachedMs
  }
}
