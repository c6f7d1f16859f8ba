import { messageOf, Re6stError } from '../../core/errors.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import { otherDefaultRoute } from '../../platform/default-routes.ts'
import type { Logger } from '../../platform/log.ts'
import { describeEnd, type Processes, type RunningProcess } from '../../platform/processes.ts'

/** What looking needs. */
interface OtherDefaultRoutesInit {
  readonly processes: Processes
  readonly clock: Clock
  readonly log: Logger
  /** Called once, when a default route appears that is not the network's. */
  readonly onFound: (error: Re6stError) => void
}

/** How often it is looked also without news from the kernel, and a monitor that ended is started again. */
const LOOK_MS = 60_000

/** With `--default`, the network's default route must be the only one: looks whether another one appears. */
export class OtherDefaultRoutes implements AsyncDisposable {
  readonly #init: OtherDefaultRoutesInit
  #monitor: RunningProcess | undefined
  #timer: Disposable | undefined
  #isStopped = false

  /** @throws Re6stError `CONFLICT` when there is one already */
  static async start(init: OtherDefaultRoutesInit): Promise<OtherDefaultRoutes> {
    const guard = new OtherDefaultRoutes(init)
    guard.#startMonitor()
    const found = await otherDefaultRoute(init.processes)
    if (found !== undefined) {
      await guard[Symbol.asyncDispose]()
      throw conflict(found)
    }
    guard.#timer = init.clock.every(LOOK_MS, () => {
      if (!guard.#monitor) guard.#startMonitor()
      guard.#lookSoon()
    })
    return guard
  }

  private constructor(init: OtherDefaultRoutesInit) {
    this.#init = init
  }

  #startMonitor(): void {
    const { processes, log } = this.#init
    const monitor = processes.start('ip', ['-6', 'monitor', 'route'], {
      dieWithParent: true,
      onLine: (line) => {
        if (/\bdefault\b/.test(line)) this.#lookSoon()
      },
    })
    this.#monitor = monitor
    const over = monitor.ended.then((end) => {
      this.#monitor = undefined
      if (!this.#isStopped) log.warn({ end: describeEnd(end) }, 'ip monitor ended, it is started again')
    })
    inBackground(log, 'watching routes', over)
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    this.#timer?.[Symbol.dispose]()
    await this.#monitor?.stop()
  }
}

const conflict = (route: string): Re6stError =>
  new Re6stError(
    'CONFLICT',
    `--default: there is another default route (${route}): remove it, or start without --default`,
  )
