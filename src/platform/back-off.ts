import { type DelayLimits, GrowingDelay } from '../core/growing-delay.ts'
import type { Clock } from './clock.ts'

/** Waits between attempts, twice as long each time until one works. */
export class BackOff {
  readonly #clock: Pick<Clock, 'sleep'>
  readonly #delay: GrowingDelay

  constructor(clock: Pick<Clock, 'sleep'>, limits: DelayLimits) {
    this.#clock = clock
    this.#delay = new GrowingDelay(limits)
  }

  /** How long the next wait is. */
  get delayMs(): number {
    return this.#delay.ms
  }

  /** Waits before the next attempt. Ends early, without an error, when `signal` is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(this.#delay.take(), signal).catch(() => {})
  }

  /** It worked: the next wait is a short one. */
  succeeded(): void {
    this.#delay.reset()
  }
}

/** Bounds of the pauses before something is started again. */
export interface RestartLimits extends DelayLimits {
  /** Who ran for so long did not fail at its start. */
  readonly ranWellMs: number
  /** The first pause is none at all. */
  readonly isFirstAtOnce?: boolean
}

/** Pauses before something that ended is started again: longer each time, short again after one that ran for a while. */
export class RestartPauses {
  readonly #clock: Pick<Clock, 'sleep' | 'monotonicMs'>
  readonly #ranWellMs: number
  readonly #isFirstAtOnce: boolean
  readonly #backOff: BackOff
  #isAtOnce: boolean
  #startedMs: number

  /** It has just been started for the first time. */
  constructor(clock: Pick<Clock, 'sleep' | 'monotonicMs'>, limits: RestartLimits) {
    this.#clock = clock
    this.#ranWellMs = limits.ranWellMs
    this.#isFirstAtOnce = limits.isFirstAtOnce ?? false
    this.#isAtOnce = this.#isFirstAtOnce
    this.#backOff = new BackOff(clock, limits)
    this.#startedMs = clock.monotonicMs()
  }

  /** How long the next one is. */
  get pauseMs(): number {
    return this.#isAtOnce ? 0 : this.#backOff.delayMs
  }

  /** It has ended. @param wasWanted by ourselves: that is no failure @returns whether all was well until then */
  ended(wasWanted = false): boolean {
    const wasWell = wasWanted || this.#clock.monotonicMs() - this.#startedMs > this.#ranWellMs
    if (!wasWell) return false
    this.#backOff.succeeded()
    this.#isAtOnce = this.#isFirstAtOnce
    return true
  }

  /** Waits until it is to be started again: that is its start. Ends early when `signal` is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#isAtOnce) await this.#backOff.wait(signal)
    this.#isAtOnce = false
    this.#startedMs = this.#clock.monotonicMs()
  }
}
