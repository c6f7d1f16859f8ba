import { messageOf } from '../core/errors.ts'
import { type DelayLimits, GrowingDelay } from '../core/growing-delay.ts'
import type { Clock } from './clock.ts'

interface RetriesInit<Name> {
  readonly clock: Pick<Clock, 'after'>
  readonly limits: DelayLimits
  /** Nothing is attempted again once it is aborted. */
  readonly signal?: AbortSignal
  /** Attempts again what failed, as it is wanted now; called with all that is due. */
  readonly again: (names: readonly Name[]) => void
}

/**
 * Has things attempted again that failed, each by its name, after a delay that grows until all of them have worked; and
 * knows why they have not.
 */
export class Retries<Name extends string> implements Disposable {
  readonly #init: RetriesInit<Name>
  readonly #delay: GrowingDelay
  /** The attempt of each that was begun last: what becomes of that one counts. */
  readonly #last = new Map<Name, Promise<unknown>>()
  readonly #reasons = new Map<Name, string>()
  /** What has failed, and is not being attempted. */
  readonly #due = new Set<Name>()
  #timer: Disposable | undefined
  #isOver: boolean

  constructor(init: RetriesInit<Name>) {
    this.#init = init
    this.#isOver = init.signal?.aborted ?? false
    this.#delay = new GrowingDelay(init.limits)
    init.signal?.addEventListener('abort', () => this[Symbol.dispose](), { once: true })
  }

  /** Why what was attempted has not worked, in the order in which it failed. */
  get reasons(): ReadonlyMap<Name, string> {
    return this.#reasons
  }

  /** An attempt has begun. @returns what becomes of it: that is for the caller to hear, too */
  async watch<T>(name: Name, attempt: Promise<T>): Promise<T> {
    this.#last.set(name, attempt)
    this.#notDue(name)
    try {
      const result = await attempt
      if (this.#last.get(name) === attempt) this.forget(name)
      return result
    } catch (error) {
      if (this.#last.get(name) === attempt) this.#failed(name, messageOf(error))
      throw error
    }
  }

  /** It has worked, or is not wanted any more. */
  forget(name: Name): void {
    this.#last.delete(name)
    this.#reasons.delete(name)
    this.#notDue(name)
    if (this.#reasons.size === 0) this.#delay.reset()
  }

  /** What is due is attempted now: it may work. */
  now(): void {
    if (this.#due.size === 0) return
    this.#stopTimer()
    const names = [...this.#due]
    this.#due.clear()
    this.#init.again(names)
  }

  #failed(name: Name, reason: string): void {
    if (this.#isOver) return
    this.#reasons.set(name, reason)
    this.#due.add(name)
    this.#timer ??= this.#init.clock.after(this.#delay.take(), () => this.now())
  }

  #notDue(name: Name): void {
    this.#due.delete(name)
    if (this.#due.size === 0) this.#stopTimer()
  }

  #stopTimer(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
  }

  /** Nothing is attempted again any more. */
  [Symbol.dispose](): void {
    this.#isOver = true
    this.#due.clear()
    this.#stopTimer()
  }
}
