import { BackOff } from '../../platform/back-off.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { describeEnd, type Processes, type RunningProcess } from '../../platform/processes.ts'
import { LINES_OF_ONE_IP } from '../../platform/standing-ip.ts'
import { afterUnlessStarved, isStarved } from '../../platform/starvation.ts'

interface ToldIpInit<About> {
  readonly processes: Processes
  readonly clock: Clock
  readonly log: Logger
  /** What a line is about: of several about the same, only what becomes of the last one matters. */
  readonly keyOf: (about: About) => string
  /** One is there, and takes lines. @param undone what the last one may not have come to; for the most part it had */
  readonly onReady: (undone: Iterable<About>) => void
  /** A line was refused, the last one that is about this. */
  readonly onRefused: (about: About, reason: string) => void
}

/** Delays of starting `ip` again that ended. */
const START_DELAYS = { minMs: 10, maxMs: 10_000 }
/**
 * How many lines one takes at once, as when a network of thousands of nodes is learnt: until another one has taken its place, no route
 * reaches the kernel. It is large then (8 MB), and is replaced when there is nothing more to tell.
 */
export const LINES_AT_ONCE = 4 * LINES_OF_ONE_IP
/** Nothing to tell for so long: a burst is over. */
const CALM_MS = 2_000
/** A word that `ip` does not know: that it says so tells how far it has come. */
const MARK = 'settled'
/** As long as any short command may take: one that has not come to its next mark hangs, and our routes stay as they are. */
const HANGS_MS = 30_000

/**
 * An `ip` that is told line after line what to do, and says what it could not: tens of thousands a second. After a number of
 * lines another one takes its place.
 */
export class ToldIp<About> {
  readonly #init: ToldIpInit<About>
  readonly #stopping = new AbortController()
  /** What it was told, by its line, until it has come to a mark behind it. */
  readonly #told = new Map<number, About>()
  /** The last line about each key. */
  readonly #latest = new Map<string, number>()
  readonly #marks = new Map<number, () => void>()
  /** Behind what the present one is not told any more. */
  readonly #marksOfNext: (() => void)[] = []
  #ip: RunningProcess | undefined
  /** Whether the present one is told no more, and the next one begins when it has done what it was told. */
  #isFull = false
  /** Whether the present one has come to a mark: one that cannot do anything says why, too, and ends. */
  #isWorking = false
  /** Until the present one, which has become large, is replaced. */
  #calm: Disposable | undefined
  #running: Promise<void> | undefined
  /** Set as long as there is a mark to which it has not come. */
  #patience: Disposable | undefined
  #line = 0
  #said = ''

  constructor(init: ToldIpInit<About>) {
    this.#init = init
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Whether there is one. */
  get isThere(): boolean {
    return this.#ip !== undefined && !this.#stopping.signal.aborted
  }

  /** How many lines it takes; none: ready will be another one. */
  get room(): number {
    return this.#ip === undefined || this.#isFull ? 0 : Math.max(0, LINES_AT_ONCE - this.#line)
  }

  /** Whether it was told something about this, and may not have come to it. */
  isBusyWith(key: string): boolean {
    return this.#latest.has(key)
  }

  /**
   * Tells it lines. What is beyond its room it does as well, if it can: nobody waits for it, and if not, it is undone.
   * @param lines each with what it is about
   */
  tell(lines: readonly (readonly [line: string, about: About])[]): void {
    if (lines.length === 0) return
    this.#say(lines.map(([line]) => line).join('\n'))
    for (const [, about] of lines) {
      this.#told.set(++this.#line, about)
      this.#latest.set(this.#init.keyOf(about), this.#line)
    }
    // What this one is told no more, the next one is told with a mark behind it.
    if (this.#isFull) return
    this.mark(() => {})
    if (this.#line <= LINES_OF_ONE_IP) return
    this.#calm?.[Symbol.dispose]()
    this.#calm = this.#init.clock.after(CALM_MS, () => this.#tellNoMore())
  }

  /** Calls back once it has done, or refused, what it was told until now. */
  mark(resolve: () => void): void {
    if (this.#isFull) return void this.#marksOfNext.push(resolve)
    this.#say(MARK)
    this.#marks.set(++this.#line, resolve)
    if (!this.#patience) this.#expectProgress()
    // A mark is a line, too: nothing may be told behind the last one without another ip to come.
    if (this.#line >= LINES_AT_ONCE) this.#tellNoMore()
  }

  /** The present one does what it was told, and ends. */
  #tellNoMore(): void {
    this.#isFull = true
    this.#ip?.endInput()
  }

  #expectProgress(): void {
    this.#patience?.[Symbol.dispose]()
    this.#patience = undefined
    const { clock, log } = this.#init
    const ip = this.#ip
    if (!ip || this.#marks.size === 0) return
    this.#patience = afterUnlessStarved({ clock, isStarved: () => isStarved(ip.pid) }, HANGS_MS, () => {
      log.warn('the ip that writes our routes hangs: another one takes its place')
      ip.signal('SIGKILL')
    })
  }

  /** What is not said any more to this one is in what it is found not to have done. */
  #say(lines: string): void {
    if (!this.#isFull) this.#ip?.write(`${lines}\n`)
  }

  async #run(): Promise<void> {
    const { processes, clock, log, onReady } = this.#init
    const { signal } = this.#stopping
    const backOff = new BackOff(clock, START_DELAYS)
    while (!signal.aborted) {
      const ip = processes.start('ip', ['-force', '-batch', '-'], {
        dieWithParent: true,
        withInput: true,
        onLine: (line, stream) => {
          if (stream === 'stderr') this.#read(line)
        },
      })
      this.#ip = ip
      this.#isFull = false
      this.#isWorking = false
      this.#line = 0
      this.#said = ''
      const undone = [...this.#told.values()]
      this.#told.clear()
      this.#latest.clear()
      // Before anything is told: lines are counted from the first again.
      const marks = this.#takeMarks()
      onReady(undone)
      for (const mark of marks) this.mark(mark)
      const end = await ip.ended
      this.#ip = undefined
      this.#calm?.[Symbol.dispose]()
      this.#expectProgress()
      if (signal.aborted) break
      if (this.#isWorking) backOff.succeeded()
      if (this.#isFull && this.#isWorking && end.kind === 'exited') continue
      log.warn({ end: describeEnd(end), retryMs: backOff.delayMs }, 'ip ended, it is started again')
      await backOff.wait(signal)
    }
    for (const mark of this.#takeMarks()) mark()
  }

  #takeMarks(): readonly (() => void)[] {
    const marks = [...this.#marks.values(), ...this.#marksOfNext.splice(0)]
    this.#marks.clear()
    return marks
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
      this.#isWorking = true
      this.#marks.delete(number)
      this.#forgetUntil(number)
      this.#expectProgress()
      return mark()
    }
    const about = this.#told.get(number)
    if (about !== undefined && this.#latest.get(this.#init.keyOf(about)) === number)
      this.#init.onRefused(about, this.#said)
  }

  #forgetUntil(mark: number): void {
    // Lines are added in order: those before the mark come first.
    for (const [line, about] of this.#told) {
      if (line > mark) break
      this.#told.delete(line)
      const key = this.#init.keyOf(about)
      if (this.#latest.get(key) === line) this.#latest.delete(key)
    }
  }

  /** It is told no more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('ip is told no more'))
    await this.#ip?.stop()
    await this.#running
  }
}
