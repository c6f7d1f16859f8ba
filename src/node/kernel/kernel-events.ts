import { type KernelEvent, parseMonitorLine } from '../../core/kernel/monitor-line.ts'
import { Listeners } from '../../core/listeners.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Processes } from '../../platform/processes.ts'
import { IpMonitor } from './ip-monitor.ts'

interface KernelEventsInit {
  readonly processes: Pick<Processes, 'start'>
  readonly clock: Clock
  readonly log: Logger
}

/**
 * What the kernel told, each line of it as it is and, where that matters to many, read; or that something may have been missed:
 * the monitor has begun, or begun anew.
 */
export type KernelNews =
  | KernelEvent
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'begun' }

/** It does not say when it begins to listen: some milliseconds after its start. */
const LISTENS_MS = 500

/** Tells of interfaces, routes and neighbours of this machine as they change: one `ip monitor` for all who listen. */
export class KernelEvents implements AsyncDisposable {
  readonly #init: KernelEventsInit
  readonly #listeners = new Listeners<KernelNews>()
  #monitor: IpMonitor | undefined
  #again: Disposable | undefined

  constructor(init: KernelEventsInit) {
    this.#init = init
  }

  /** Calls `listener` for each event, in order, until disposed of. */
  watch(listener: (news: KernelNews) => void): Disposable {
    return this.#listeners.add(listener)
  }

  /** Begins to watch: nobody waits for that. */
  start(): void {
    const { clock } = this.#init
    this.#monitor ??= new IpMonitor({
      ...this.#init,
      objects: ['link', 'address', 'route', 'neigh'],
      onLine: (line) => {
        this.#listeners.tell({ kind: 'line', line })
        const event = parseMonitorLine(line)
        if (event) this.#listeners.tell(event)
      },
      onBegun: () => {
        this.#listeners.tell({ kind: 'begun' })
        this.#again?.[Symbol.dispose]()
        this.#again = clock.after(LISTENS_MS, () => this.#listeners.tell({ kind: 'begun' }))
      },
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#again?.[Symbol.dispose]()
    this.#listeners.clear()
    await this.#monitor?.[Symbol.asyncDispose]()
  }
}
