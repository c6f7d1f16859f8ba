import { type KernelEvent, parseMonitorLine } from '../../core/kernel/monitor-line.ts'
import { BackOff } from '../../platform/back-off.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { describeEnd, type Processes } from '../../platform/processes.ts'

interface KernelEventsInit {
  readonly processes: Pick<Processes, 'start'>
  readonly clock: Clock
  readonly log: Logger
}

/** What the kernel told, or that something may have been missed: the monitor has begun, or begun anew. */
export type KernelNews = KernelEvent | { readonly kind: 'begun' }

/** It does not say when it begins to listen: some milliseconds after its start. */
const LISTENS_MS = 500
/** Delays of starting a monitor again that ended. */
const MONITOR_DELAYS = { minMs: 100, maxMs: 30_000 }

/** Tells of interfaces, routes and neighbours of this machine as they change: one `ip monitor` for all who listen. */
export class KernelEvents implements AsyncDisposable {
  readonly #init: KernelEventsInit
  readonly #stopping = new AbortController()
  readonly #listeners = new Set<(news: KernelNews) => void>()
  #running: Promise<void> | undefined

  constructor(init: KernelEventsInit) {
    this.#init = init
  }

  /** Calls `listener` for each event, in order, until disposed of. */
  watch(listener: (news: KernelNews) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /** Begins to watch. */
  start(): void {
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    const { processes, clock, log } = this.#init
    const { signal } = this.#stopping
    const backOff = new BackOff(clock, MONITOR_DELAYS)
    while (!signal.aborted) {
      const monitor = processes.start('ip', ['-o', 'monitor', 'link', 'address', 'route', 'neigh'], {
        dieWithParent: true,
        onLine: (line, stream) => {
          if (stream !== 'stdout') return
          backOff.succeeded()
          const event = parseMonitorLine(line)
          if (event) this.#tell(event)
        },
      })
      const stop = () => inBackground(log, 'ending ip monitor', monitor.stop())
      signal.addEventListener('abort', stop, { once: true })
      this.#tell({ kind: 'begun' })
      const again = clock.after(LISTENS_MS, () => this.#tell({ kind: 'begun' }))
      const end = await monitor.ended
      again[Symbol.dispose]()
      signal.removeEventListener('abort', stop)
      if (signal.aborted) return
      log.warn({ end: describeEnd(end), retryMs: backOff.delayMs }, 'ip monitor ended, it is started again')
      await backOff.wait(signal)
    }
  }

  #tell(news: KernelNews): void {
    if (this.#stopping.signal.aborted) return
    for (const listener of [...this.#listeners]) listener(news)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error('the kernel is watched no more'))
    await this.#running
  }
}
