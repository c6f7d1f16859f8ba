import { GrowingDelay } from '../core/growing-delay.ts'
import type { Clock } from '../platform/clock.ts'

interface AnnouncementInit {
  readonly clock: Pick<Clock, 'after'>
  /** Tells the registry's own node; false: there is none yet. */
  readonly tell: () => boolean
  /** Whether it has asked for what is announced. */
  readonly isKnown: () => boolean
}

/** Delays of telling again: a node that hears asks at once. */
const DELAYS = { minMs: 2_000, maxMs: 300_000 }

/**
 * Has the registry's own node know that there is a version, of which the network hears by nobody else: that is one datagram,
 * which is lost where the node is not there, or where others send it more than it can read, whom the news may be about.
 */
export class Announcement implements Disposable {
  readonly #init: AnnouncementInit
  readonly #delay = new GrowingDelay(DELAYS)
  #again: Disposable | undefined

  constructor(init: AnnouncementInit) {
    this.#init = init
  }

  /** There may be a version that the node does not know: it is told now, and then until it has asked for it. */
  begin(): void {
    this[Symbol.dispose]()
    this.#delay.reset()
    this.#tell()
  }

  #tell(): void {
    const { clock, tell, isKnown } = this.#init
    if (isKnown() || !tell()) return
    this.#again = clock.after(this.#delay.take(), () => this.#tell())
  }

  [Symbol.dispose](): void {
    this.#again?.[Symbol.dispose]()
    this.#again = undefined
  }
}
