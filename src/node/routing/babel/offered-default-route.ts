import { messageOf } from '../../../core/errors.ts'
import { inBackground } from '../../../platform/background.ts'
import type { Clock } from '../../../platform/clock.ts'
import { otherDefaultRoute } from '../../../platform/default-routes.ts'
import type { Logger } from '../../../platform/log.ts'
import type { Processes } from '../../../platform/processes.ts'
import type { KernelEvents } from '../../kernel/kernel-events.ts'

interface OfferedInit {
  readonly processes: Processes
  readonly clock: Clock
  readonly log: Logger
  readonly events: Pick<KernelEvents, 'watch'>
  /** Whether anybody is to be told of it now. */
  readonly isWanted: () => boolean
  readonly onChange: () => void
}

/** The machine's way to the Internet comes and goes with several routes. */
const SETTLE_MS = 200
/** Where it could not be looked, as without memory for a process: nobody tells of what is there already. */
const AGAIN_MS = 10_000

/** Whether there is a way to the Internet that a gateway can offer to others. */
export class OfferedDefaultRoute implements Disposable {
  readonly #init: OfferedInit
  readonly #watching: Disposable
  #isThere = false
  #look: { readonly atMs: number; readonly timer: Disposable } | undefined

  constructor(init: OfferedInit) {
    this.#init = init
    this.#watching = init.events.watch((news) => {
      if (news.kind === 'begun' || (news.kind === 'route' && news.route.to === 'default')) this.lookSoon()
    })
  }

  get isThere(): boolean {
    return this.#isThere
  }

  /** It may have come or gone, or be wanted from now on. */
  lookSoon(): void {
    this.#lookAfter(SETTLE_MS)
  }

  #lookAfter(ms: number): void {
    const { clock, log, isWanted } = this.#init
    const atMs = clock.monotonicMs() + ms
    if (!isWanted() || (this.#look && this.#look.atMs <= atMs)) return
    this.#look?.timer[Symbol.dispose]()
    const timer = clock.after(ms, () => {
      this.#look = undefined
      inBackground(log, 'looking for a default route', this.#lookNow())
    })
    this.#look = { atMs, timer }
  }

  async #lookNow(): Promise<void> {
    const { processes, log, isWanted, onChange } = this.#init
    try {
      const isThere = (await otherDefaultRoute(processes)) !== undefined
      if (isThere === this.#isThere || !isWanted()) return
      this.#isThere = isThere
      onChange()
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'cannot look for a default route')
      this.#lookAfter(AGAIN_MS)
    }
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]()
    this.#look?.timer[Symbol.dispose]()
    this.#look = undefined
  }
}
