import { BackOff } from '../../platform/back-off.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import { ipJson } from '../../platform/ip-json.ts'
import type { Logger } from '../../platform/log.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import { describeEnd, type Processes, type RunningProcess } from '../../platform/processes.ts'
import { LINES_OF_ONE_IP } from '../../platform/standing-ip.ts'
import type { KernelEvents, KernelNews } from './kernel-events.ts'
import {
  deleteLine,
  ifaceOf,
  type KernelDestination,
  keyOf,
  leadsTo,
  monitoredKey,
  OUR_METRICS,
  PROTOCOL,
  replaceLine,
  type Wanted,
  type Wanting,
} from './route-lines.ts'

interface KernelRouteTableInit {
  readonly processes: Processes
  readonly clock: Clock
  readonly log: Logger
  readonly events: Pick<KernelEvents, 'watch'>
}

/** What several changes need to come together to be one batch of the kernel's work is a turn of the event loop. */
const REPAIR_MS = 100
/** A route that the kernel does not take now (its interface goes down, say) it may take later. */
const AGAIN_MS = { min: 1_000, max: 30_000 }
/** Longest wait for an `ip` that does not get on: what it is asked for then is still done. */
const SETTLED_MS = 10_000
/** Delays of starting `ip` again that ended. */
const START_DELAYS = { minMs: 10, maxMs: 10_000 }
/** A word that `ip` does not know: that it says so tells how far it has come. */
const MARK = 'settled'
interface Written {
  readonly destination: KernelDestination
  readonly line: 'as wanted' | 'without source' | 'none'
}

/**
 * Our routes in the kernel, as they are wanted: one `ip` for all of them, which takes tens of thousands a second. Replaced
 * without a gap; those that others change are set right.
 */
export class KernelRouteTable implements AsyncDisposable {
  readonly #init: KernelRouteTableInit
  readonly #wanted = new Map<string, Wanted>()
  /** How many lead over each interface. */
  readonly #over = new Map<string, number>()
  /** What has changed, and is not written yet. */
  readonly #changed = new Map<string, KernelDestination>()
  /** What is written, by its line, until `ip` has come to a mark behind it. */
  readonly #written = new Map<number, Written>()
  /** The last line of each destination: what became of those before matters no more. */
  readonly #latest = new Map<string, number>()
  readonly #marks = new Map<number, () => void>()
  /** Behind what the present `ip` is not told any more. */
  readonly #marksOfNext: (() => void)[] = []
  readonly #suspect = new Set<string>()
  readonly #stopping = new AbortController()
  readonly #failures: LogLimit
  readonly #watching: Disposable
  #ip: RunningProcess | undefined
  /** Whether the present one is told no more, and the next one begins when it has done what it was told. */
  #isFull = false
  #running: Promise<void> | undefined
  #line = 0
  #said = ''
  #isScheduled = false
  #repair: Disposable | undefined
  #again: Disposable | undefined
  #againMs = AGAIN_MS.min

  constructor(init: KernelRouteTableInit) {
    this.#init = init
    this.#failures = new LogLimit(init.clock)
    this.#watching = init.events.watch((news) => this.#hear(news))
  }

  /** Removes what a killed predecessor left. To be called first. */
  async start(): Promise<void> {
    const { processes } = this.#init
    const left = await Promise.all([
      ipJson(processes, '-6', 'route', 'show', 'table', 'all', 'proto', PROTOCOL),
      ipJson(processes, '-4', 'route', 'show', 'proto', PROTOCOL),
    ])
    if (left.flat().length > 0) await this.#flush()
    this.#running = this.#run()
  }

  /** Whether any route leads over an interface. */
  leadsOver(iface: string): boolean {
    return this.#over.has(iface)
  }

  /** Wants a route to be so, or not to be. Takes effect in a moment, with others that are asked for now. */
  set(destination: KernelDestination, hop: Wanting | undefined): void {
    const key = keyOf(destination)
    this.#count(ifaceOf(this.#wanted.get(key)?.hop), -1)
    this.#count(ifaceOf(hop), 1)
    const { prefix, from, metric } = destination
    if (hop) this.#wanted.set(key, { prefix, from, ...(metric === undefined ? {} : { metric }), hop })
    else if (!this.#wanted.delete(key)) return
    this.#changed.set(key, destination)
    this.#writeSoon()
  }

  /** Resolves when the kernel has taken, or refused, what was asked for so far; in any case after a while. */
  async settled(): Promise<void> {
    this.#write()
    if (!this.#ip || this.#stopping.signal.aborted) return
    await new Promise<void>((resolve) => {
      const limit = this.#init.clock.after(SETTLED_MS, resolve)
      this.#mark(() => {
        limit[Symbol.dispose]()
        resolve()
      })
    })
  }

  #count(iface: string | undefined, by: 1 | -1): void {
    if (iface === undefined) return
    const count = (this.#over.get(iface) ?? 0) + by
    if (count > 0) this.#over.set(iface, count)
    else this.#over.delete(iface)
  }

  async #run(): Promise<void> {
    const { processes, clock, log } = this.#init
    const { signal } = this.#stopping
    const backOff = new BackOff(clock, START_DELAYS)
    while (!signal.aborted) {
      const ip = processes.start('ip', ['-force', '-batch', '-'], {
        dieWithParent: true,
        withInput: true,
        onLine: (line, stream) => {
          backOff.succeeded()
          if (stream === 'stderr') this.#read(line)
        },
      })
      this.#ip = ip
      this.#isFull = false
      this.#line = 0
      this.#said = ''
      // What the last one had not come to; for the most part again what it had.
      for (const { destination } of this.#written.values()) this.#changed.set(keyOf(destination), destination)
      this.#written.clear()
      this.#latest.clear()
      // Before anything is written: lines are counted from the first again.
      const marks = [...this.#marks.values(), ...this.#marksOfNext.splice(0)]
      this.#marks.clear()
      this.#write()
      for (const mark of marks) this.#mark(mark)
      const end = await ip.ended
      this.#ip = undefined
      if (signal.aborted) break
      if (this.#isFull && end.kind === 'exited') continue
      log.warn({ end: describeEnd(end), retryMs: backOff.delayMs }, 'ip ended, it is started again')
      await backOff.wait(signal)
    }
    for (const mark of [...this.#marks.values(), ...this.#marksOfNext.splice(0)]) mark()
    this.#marks.clear()
  }

  #writeSoon(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#write()
    })
  }

  #write(): void {
    if (!this.#ip || this.#isFull || this.#changed.size === 0) return
    const lines: string[] = []
    for (const [key, destination] of this.#changed) {
      if (this.#line >= LINES_OF_ONE_IP) break
      this.#changed.delete(key)
      const wanted = this.#wanted.get(key)
      lines.push(wanted ? replaceLine(wanted) : deleteLine(destination))
      this.#note(key, { destination, line: wanted ? 'as wanted' : 'none' })
    }
    this.#say(lines.join('\n'))
    this.#mark(() => {})
    if (this.#line < LINES_OF_ONE_IP) return
    this.#isFull = true
    this.#ip.endInput()
  }

  /** What is not said any more to this one is in what it is found not to have done. */
  #say(lines: string): void {
    if (!this.#isFull) this.#ip?.write(`${lines}\n`)
  }

  #note(key: string, written: Written): void {
    this.#written.set(++this.#line, written)
    this.#latest.set(key, this.#line)
  }

  #mark(resolve: () => void): void {
    if (this.#isFull) return void this.#marksOfNext.push(resolve)
    this.#say(MARK)
    this.#marks.set(++this.#line, resolve)
  }

  /** A line of `ip`: what is wrong, and after that in which line of its input. */
  #read(line: string): void {
    const number = Number(/^Command failed -:(\d+)$/.exec(line)?.[1] ?? 0)
    if (number === 0) {
      this.#said = line
      return
    }
    const mark = this.#marks.get(number)
    if (mark) {
      this.#marks.delete(number)
      // Lines are added in order: those before the mark come first.
      for (const [line, { destination }] of this.#written) {
        if (line > number) break
        this.#written.delete(line)
        const key = keyOf(destination)
        if (this.#latest.get(key) === line) this.#latest.delete(key)
      }
      return mark()
    }
    const written = this.#written.get(number)
    if (written && this.#latest.get(keyOf(written.destination)) === number) this.#failed(written)
  }

  #failed({ destination, line }: Written): void {
    const { log, clock } = this.#init
    const key = keyOf(destination)
    const wanted = this.#wanted.get(key)
    // One that is not wanted went by itself, with its interface.
    if (!wanted || line === 'none') return
    // The one before must not stay: it may lead to where nobody has a way any more.
    const { hop } = wanted
    if (line === 'as wanted' && hop !== 'unreachable' && hop.source !== undefined) {
      // Our address may be gone: others' packets still find their way.
      this.#say(replaceLine({ ...wanted, hop: { ...hop, source: undefined } }))
      this.#note(key, { destination, line: 'without source' })
    } else {
      this.#say(deleteLine(destination))
      this.#note(key, { destination, line: 'none' })
    }
    this.#mark(() => {})
    const reason = this.#said
    this.#failures.write(reason, (omitted) =>
      log.debug({ prefix: destination.prefix, reason, ...omitted }, 'the kernel does not take a route'),
    )
    this.#suspect.add(key)
    this.#again ??= clock.after(this.#againMs, () => {
      this.#again = undefined
      this.#againMs = Math.min(2 * this.#againMs, AGAIN_MS.max)
      this.#mend()
      this.#mark(() => {
        if (!this.#again) this.#againMs = AGAIN_MS.min
      })
    })
  }

  #hear(news: KernelNews): void {
    if (news.kind === 'route') this.#compare(news)
    // Whatever happened before.
    else if (news.kind === 'begun') for (const key of this.#wanted.keys()) this.#suspect.add(key)
    else if (news.kind === 'interface') this.#doubt(news)
    else return
    if (this.#suspect.size > 0)
      this.#repair ??= this.#init.clock.after(REPAIR_MS, () => {
        this.#repair = undefined
        this.#mend()
      })
  }

  #compare({ route, isGone }: Extract<KernelNews, { kind: 'route' }>): void {
    if (route.metric === undefined || !OUR_METRICS.has(route.metric)) return
    const isOurs = route.protocol === PROTOCOL
    const key = monitoredKey(route)
    const wanted = this.#wanted.get(key)
    if (wanted && (isGone ? isOurs : !isOurs || !leadsTo(route, wanted.hop))) this.#suspect.add(key)
  }

  /**
   * With an interface that goes down the kernel removes IPv4 routes, and with an address it takes them or their source away,
   * and tells nobody.
   */
  #doubt({ iface, address }: Extract<KernelNews, { kind: 'interface' }>): void {
    if (address === undefined && !this.#over.has(iface)) return
    for (const [key, { hop }] of this.#wanted)
      if (hop !== 'unreachable' && (hop.iface === iface || (address !== undefined && hop.source === address)))
        this.#suspect.add(key)
  }

  /** Writes again what may not be as it is wanted. What changed meanwhile is written anyway. */
  #mend(): void {
    for (const key of this.#suspect) {
      const wanted = this.#wanted.get(key)
      if (wanted) this.#changed.set(key, wanted)
    }
    this.#suspect.clear()
    this.#write()
  }

  async #flush(): Promise<void> {
    const { processes } = this.#init
    await Promise.all(
      ['-6', '-4'].map((family) =>
        processes.run('ip', [family, 'route', 'flush', 'table', 'all', 'proto', PROTOCOL]),
      ),
    )
  }

  /** Removes all of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopping.signal.aborted) return
    this.#stopping.abort(new Error('the routes are removed'))
    this.#watching[Symbol.dispose]()
    this.#repair?.[Symbol.dispose]()
    this.#again?.[Symbol.dispose]()
    this.#wanted.clear()
    await this.#ip?.stop()
    await this.#running
    const { log } = this.#init
    const flushed = this.#flush()
    inBackground(log, 'removing our routes', flushed)
    await flushed.catch(() => {})
  }
}
