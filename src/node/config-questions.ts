import { messageOf } from '../core/errors.ts'
import { delayAfter } from '../core/growing-delay.ts'
import type { Random } from '../core/random.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { LogLimit } from '../platform/log-limit.ts'

/** Why the registry is to be asked. */
type Reason =
  /** A newer version was seen. */
  | 'news'
  /** The registry, on this machine, says that there is another version. */
  | 'announced'
  /** There is no way to the registry's node: the network may have moved on without us. */
  | 'cut-off'
  /** The time is over for which the configuration holds. */
  | 'run-out'

/** What the questions need. */
export interface QuestionsInit {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Asks the registry for its configuration, and takes what it gives. */
  readonly ask: () => Promise<void>
}

/** Who is cut off, or knows no configuration yet, is to be back soon after the registry can be reached again. */
export const CUT_OFF_RETRY_MAX_MS = 15_000
/** Delays of asking the registry again when it does not answer. */
export const RETRY_DELAYS = { minMs: 1_000, maxMs: 60_000 }
/** News of a version comes from many at once: wait a moment, then ask (protocol, section 6). */
const NEWS_DELAY_MS = 1_000
/** When the registry's node fails, everybody is cut off at once. */
const CUT_OFF_SPREAD_MS = 1_000
/** Delays of asking again while we are cut off and the registry has nothing new. */
const CUT_OFF_AGAIN_MIN_MS = 15_000
const CUT_OFF_AGAIN_MAX_MS = 300_000
/** How we are connected to the part of the network that has the registry's node. */
export type Connection =
  /** There is a way to it. */
  | 'connected'
  | 'cut off'
  /** Nobody is reached, though tunnels are up: their other ends may have other keys, and only the registry can say so. */
  | 'unheard'

/** What has run out and is not replaced is asked for again after this. */
const RECHECK_MS = 600 * 1000

/** Decides when the registry is asked for its configuration, and asks it: one question at a time. */
export class ConfigQuestions {
  readonly #init: QuestionsInit
  #signal: AbortSignal = AbortSignal.abort()
  readonly #reasons = new Set<Reason>()
  #timer: { readonly atMs: number; readonly timer: Disposable } | undefined
  #isAsking = false
  #failures = 0
  #cutOff: { readonly nextMs: number; readonly delayMs: number } | undefined
  #lastAnswerMs = Number.NEGATIVE_INFINITY
  /** One line for each reason, not one for each try. */
  readonly #logLimit: LogLimit

  constructor(init: QuestionsInit) {
    this.#init = init
    this.#logLimit = new LogLimit(init.clock, { burst: 1 })
  }

  /** From now on, until `signal` is aborted, the registry is asked. */
  start(signal: AbortSignal): void {
    this.#signal = signal
    signal.addEventListener('abort', () => this.#stopTimer(), { once: true })
  }

  /** A newer version was seen. */
  news(): void {
    this.#want('news', NEWS_DELAY_MS)
  }

  /** The registry, on this machine, has made another version, and does not say which. */
  announced(): void {
    this.#want('announced', 0)
  }

  /** The machine's own network is another: what could not be reached may be reachable now. */
  networkChanged(): void {
    this.#failures = 0
    this.#cutOff = undefined
    this.#stopTimer()
    if (this.#reasons.size > 0 && !this.#isAsking) this.#askAfter(0)
  }

  /** Looks whether the registry is to be asked without anybody telling us: the time is over for our configuration. */
  hasRunOut(): void {
    const isAskedLately = this.#init.clock.monotonicMs() - this.#lastAnswerMs <= RECHECK_MS
    // Otherwise the next try has its time: a registry that does not answer is not asked each second.
    if (!isAskedLately && !this.#isAsking && !this.#reasons.has('run-out')) this.#want('run-out', 0)
  }

  /** How we are connected now. */
  connected(connection: Connection): void {
    const nowMs = this.#init.clock.monotonicMs()
    if (connection === 'connected') {
      this.#reasons.delete('cut-off')
      // A connection that comes and goes is no reason to ask each time.
      const nextMs = Math.min(this.#cutOff?.nextMs ?? nowMs, nowMs + CUT_OFF_AGAIN_MIN_MS)
      this.#cutOff = nowMs < nextMs ? { nextMs, delayMs: CUT_OFF_AGAIN_MIN_MS } : undefined
    } else if (
      !this.#cutOff ||
      (nowMs >= this.#dueMs(connection, this.#cutOff) && !this.#reasons.has('cut-off'))
    ) {
      const delayMs = this.#cutOff
        ? Math.min(2 * this.#cutOff.delayMs, CUT_OFF_AGAIN_MAX_MS)
        : CUT_OFF_AGAIN_MIN_MS
      this.#cutOff = { nextMs: nowMs + delayMs, delayMs }
      this.#want('cut-off', this.#init.random.next() * CUT_OFF_SPREAD_MS)
    }
  }

  /** When we ask again. Others who reach somebody hear of news from them: they ask ever more seldom. */
  #dueMs(
    connection: Connection,
    { nextMs, delayMs }: { readonly nextMs: number; readonly delayMs: number },
  ): number {
    return connection === 'unheard' ? Math.min(nextMs, nextMs - delayMs + CUT_OFF_AGAIN_MIN_MS) : nextMs
  }

  /** Asks the registry after `delayMs`; if it is being asked at the moment, then once more. */
  #want(reason: Reason, delayMs: number): void {
    this.#reasons.add(reason)
    if (!this.#isAsking) this.#askAfter(delayMs)
  }

  #askAfter(delayMs: number): void {
    const { clock } = this.#init
    const atMs = clock.monotonicMs() + delayMs
    if (this.#signal.aborted || (this.#timer && this.#timer.atMs <= atMs)) return
    this.#stopTimer()
    this.#timer = { atMs, timer: clock.after(delayMs, () => this.#askNow()) }
  }

  #askNow(): void {
    this.#timer = undefined
    if (this.#isAsking) return
    this.#isAsking = true
    const asked = [...this.#reasons]
    this.#reasons.clear()
    this.#init
      .ask()
      .then(
        () => {
          this.#lastAnswerMs = this.#init.clock.monotonicMs()
          this.#failures = 0
          this.#logLimit.forget()
        },
        (error: unknown) => {
          for (const reason of asked) this.#reasons.add(reason)
          this.#failures++
          this.#failed(messageOf(error))
        },
      )
      .finally(() => {
        this.#isAsking = false
        if (this.#reasons.size > 0) this.#askAfter(this.#failures > 0 ? this.#retryMs : NEWS_DELAY_MS)
      })
  }

  #failed(reason: string): void {
    if (this.#signal.aborted) return
    this.#logLimit.write(reason, (omitted) =>
      this.#init.log.warn(
        { reason, retryMs: this.#retryMs, ...omitted },
        'the network configuration cannot be had',
      ),
    )
  }

  get #retryMs(): number {
    const maxMs = this.#cutOff ? CUT_OFF_RETRY_MAX_MS : RETRY_DELAYS.maxMs
    return delayAfter(this.#failures - 1, { ...RETRY_DELAYS, maxMs })
  }

  #stopTimer(): void {
    this.#timer?.timer[Symbol.dispose]()
    this.#timer = undefined
  }
}
