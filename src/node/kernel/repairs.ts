import { GrowingDelay } from '../../core/growing-delay.ts'
import { isOfRouter } from '../../core/kernel/route-table.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { KernelEvents } from './kernel-events.ts'

interface RepairsInit {
  readonly clock: Clock
  readonly log: Logger
  readonly events: Pick<KernelEvents, 'watch'>
  /** Addresses and prefixes, as `ip` writes them, that the node has put into the kernel. */
  readonly kept: () => ReadonlySet<string>
  /** Puts back what is missing. @returns whether all of it is there now */
  readonly repair: () => Promise<boolean>
}

/** Others change several things together. Twice as long each time: with a program that insists we do not fight. */
const DELAYS = { minMs: 100, maxMs: 30_000 }
/** Who has left it alone for so long does not insist. */
const CALM_MS = 60_000

/** Notices that somebody takes away what the node has put into the kernel, and has it put back. */
export class Repairs implements Disposable {
  readonly #init: RepairsInit
  readonly #watching: Disposable
  readonly #delay = new GrowingDelay(DELAYS)
  #last = Number.NEGATIVE_INFINITY
  #next: Disposable | undefined
  #isMissing = false

  constructor(init: RepairsInit) {
    this.#init = init
    this.#watching = init.events.watch((news) => {
      if (news.kind === 'line' && this.#takesAway(news.line)) this.#repairSoon()
      if (news.kind === 'begun' && init.kept().size > 0) this.#repairSoon()
      // Perhaps the one that was missing.
      if (news.kind === 'interface' && this.#isMissing) this.#repairNow()
    })
  }

  #takesAway(line: string): boolean {
    if (!line.startsWith('Deleted ') || isOfRouter(/ proto (\S+)/.exec(line)?.[1])) return false
    const kept = this.#init.kept()
    return line.split(' ').some((word) => kept.has(word))
  }

  #repairNow(): void {
    this.#isMissing = false
    this.#next?.[Symbol.dispose]()
    this.#next = undefined
    this.#delay.reset()
    this.#repairSoon()
  }

  #repairSoon(): void {
    if (this.#next) return
    const { clock, log } = this.#init
    if (clock.monotonicMs() - this.#last > CALM_MS) this.#delay.reset()
    this.#next = clock.after(this.#delay.take(), () => {
      this.#next = undefined
      this.#last = clock.monotonicMs()
      inBackground(log, 'putting back what was taken away', this.#repair())
    })
  }

  async #repair(): Promise<void> {
    this.#isMissing = !(await this.#init.repair())
    if (this.#isMissing) this.#repairSoon()
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]()
    this.#next?.[Symbol.dispose]()
  }
}
