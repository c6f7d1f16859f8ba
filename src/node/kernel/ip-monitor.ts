import { GrowingDelay } from '../../core/growing-delay.ts'
import { BackOff } from '../../platform/back-off.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { describeEnd, type Processes, type RunningProcess } from '../../platform/processes.ts'
import { leavesNewsUnread } from './unread-news.ts'

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
  /** Whether it leaves unread what the kernel tells it, for tests. */
  readonly leavesUnread?: (pid: number) => Promise<boolean>
}

/** Delays of starting one again that ended. */
const DELAYS = { minMs: 100, maxMs: 60_000 }
/** Delays of saying that something was lost: who looks at everything then may set off as many events again. */
const LOST_DELAYS = { minMs: 1_000, maxMs: 60_000 }
/** How often it is looked whether it still reads; of one that hangs nobody hears anything, and nobody would miss it. */
const LOOK_MS = 15_000
/** It reads within milliseconds: a look may come in one of them, but not two in a row. */
const LOOKS_IN_VAIN = 2
/** Room for what the kernel tells of ten thousand routes while this program is busy; it gives no more than it may. */
const RECEIVE_BUFFER_BYTES = String(8 << 20)
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
      let lines = 0
      const monitor = processes.start('ip', ['-rcvbuf', RECEIVE_BUFFER_BYTES, '-o', 'monitor', ...objects], {
        dieWithParent: true,
        onLine: (line, stream) => {
          if (signal.aborted) return
          if (stream === 'stderr' && LOST.test(line)) this.#tellOfLoss()
          if (stream !== 'stdout') return
          lines++
          backOff.succeeded()
          onLine(line)
        },
      })
      const stop = () => inBackground(log, 'ending ip monitor', monitor.stop())
      signal.addEventListener('abort', stop, { once: true })
      onBegun()
      const looking = this.#lookWhetherItReads(monitor, () => lines)
      const end = await monitor.ended
      looking[Symbol.dispose]()
      signal.removeEventListener('abort', stop)
      if (signal.aborted) return
      log.warn({ end: describeEnd(end), retryMs: backOff.delayMs }, 'ip monitor ended, it is started again')
      await backOff.wait(signal)
    }
  }

  /** Ends one that hangs: another one is started then. */
  #lookWhetherItReads(monitor: RunningProcess, lines: () => number): Disposable {
    const { clock, log, leavesUnread = leavesNewsUnread } = this.#init
    const { pid } = monitor
    let inVain = 0
    let before = lines()
    const look = async () => {
      const isSilent = lines() === before
      before = lines()
      inVain = pid !== undefined && (await leavesUnread(pid)) ? (isSilent ? inVain + 1 : 1) : 0
      if (inVain < LOOKS_IN_VAIN) return
      log.warn('ip monitor reads nothing any more: another one takes its place')
      monitor.signal('SIGKILL')
    }
    return clock.every(LOOK_MS, () => inBackground(log, 'looking after ip monitor', look()))
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
