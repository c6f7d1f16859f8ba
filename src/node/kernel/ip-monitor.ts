import { GrowingDelay } from '../../core/growing-delay.ts'
import { BackOff } from '../../platform/back-off.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { describeEnd, type Processes } from '../../platform/processes.ts'

interface IpMonitorInit {
  readonly processes: Pick<Processes, 'start'>
  readonly clock: Clock
  readonly log: Logger
  /** Of what it tells: `link`, `address`, … */
  readonly objects: readonly string[]
  /** Called with each event, which is one line. */
  readonly onLine: (line: string) => void
  /** Called when it begins, for the first time or anew, or has lost something: what was before, it does not tell. */
  readonly onBegun: () => void
}

/** Delays of starting one again that ended. */
const DELAYS = { minMs: 100, maxMs: 60_000 }
/** Delays of saying that something was lost: who looks at everything then may set off as many events again. */
const LOST_DELAYS = { minMs: 1_000, maxMs: 60_000 }
/** More events came at once than its buffer holds (ENOBUFS); it goes on. */
const LOST = /^netlink receive error/

/** `ip monitor`, started again whenever it ends, from its making until it is disposed of. */
export class IpMonitor implements AsyncDisposable {
  readonly #init: IpMonitorInit
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  readonly #lostDelay = new GrowingDelay(LOST_DELAYS)
  #lost: { readonly atMs: number; readonly timer: Disposable } | undefined

  constructor(init: IpMonitorInit) {
    this.#init = init
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    const { processes, clock, log, objects, onLine, onBegun } = this.#init
    const { signal } = this.#stopping
    const backOff = new BackOff(clock, DELAYS)
    while (!signal.aborted) {
      const monitor = processes.start('ip', ['-o', 'monitor', ...objects], {
        dieWithParent: true,
        onLine: (line, stream) => {
          if (signal.aborted) return
          if (stream === 'stderr' && LOST.test(line)) this.#tellOfLoss()
          if (stream !== 'stdout') return
          backOff.succeeded()
          onLine(line)
        },
      })
      const stop = () => inBackground(log, 'ending ip monitor', monitor.stop())
      signal.addEventListener('abort', stop, { once: true })
      onBegun()
      const end = await monitor.ended
      signal.removeEventListener('abort', stop)
      if (signal.aborted) return
      log.warn({ end: describeEnd(end), retryMs: backOff.delayMs }, 'ip monitor ended, it is started again')
      await backOff.wait(signal)
    }
  }

  #tellOfLoss(): void {
    const { clock, onBegun } = this.#init
    const nowMs = clock.monotonicMs()
    if (this.#lost && nowMs < this.#lost.atMs) return
    if (!this.#lost || nowMs > this.#lost.atMs + LOST_DELAYS.maxMs) this.#lostDelay.reset()
    const delayMs = this.#lostDelay.take()
    this.#lost = { atMs: nowMs + delayMs, timer: clock.after(delayMs, onBegun) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lost?.timer[Symbol.dispose]()
    this.#stopping.abort(new Error('nobody watches any more'))
    await this.#running
  }
}
