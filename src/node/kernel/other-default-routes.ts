import { messageOf, Re6stError } from '../../core/errors.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import { otherDefaultRoute } from '../../platform/default-routes.ts'
import type { Logger } from '../../platform/log.ts'
import type { Processes } from '../../platform/processes.ts'
import type { KernelEvents } from './kernel-events.ts'

/** What looking needs. */
interface OtherDefaultRoutesInit {
  readonly processes: Processes
  readonly clock: Clock
  readonly log: Logger
  readonly events: Pick<KernelEvents, 'watch'>
  /** Called once, when a default route appears that is not the network's. */
  readonly onFound: (error: Re6stError) => void
}

/** How often it is looked also without news from the kernel. */
const LOOK_MS = 60_000

/** With `--default`, the network's default route must be the only one: looks whether another one appears. */
export class OtherDefaultRoutes implements Disposable {
  readonly #init: OtherDefaultRoutesInit
  readonly #watching: Disposable
  #timer: Disposable | undefined
  #isStopped = false

  /** @throws Re6stError `CONFLICT` when there is one already */
  static async start(init: OtherDefaultRoutesInit): Promise<OtherDefaultRoutes> {
    const guard = new OtherDefaultRoutes(init)
    try {
      const found = await otherDefaultRoute(init.processes)
      if (found !== undefined) throw conflict(found)
    } catch (error) {
      guard[Symbol.dispose]()
      throw error
    }
    guard.#timer = init.clock.every(LOOK_MS, () => guard.#lookSoon())
    return guard
  }

  private constructor(init: OtherDefaultRoutesInit) {
    this.#init = init
    this.#watching = init.events.watch((news) => {
      if (news.kind === 'line' && /\bdefault\b/.test(news.line)) this.#lookSoon()
    })
  }

  #lookSoon(): void {
    inBackground(this.#init.log, 'looking for other default routes', this.#look())
  }

  async #look(): Promise<void> {
    const { processes, log, onFound } = this.#init
    try {
      const found = await otherDefaultRoute(processes)
      if (found === undefined || this.#isStopped) return
      this.#isStopped = true
      onFound(conflict(found))
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'cannot look for other default routes')
    }
  }

  [Symbol.dispose](): void {
    this.#isStopped = true
    this.#timer?.[Symbol.dispose]()
    this.#watching[Symbol.dispose]()
  }
}

const conflict = (route: string): Re6stError =>
  new Re6stError(
    'CONFLICT',
    `--default: there is another default route (${route}): remove it, or start without --default`,
  )
