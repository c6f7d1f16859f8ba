import { messageOf } from '../core/errors.ts'
import { remember } from '../core/remember.ts'
import { isPublic } from '../core/values/address-kind.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { LogLimit } from '../platform/log-limit.ts'
import { Turns } from '../platform/turns.ts'

/** What looking needs. */
interface CountriesInit {
  /** Asks the registry. */
  readonly getCountry: (address: string, signal: AbortSignal) => Promise<string | undefined>
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
  /** Called when the registry has said where an address is, or that it does not know; or cannot be asked. */
  readonly onAnswered: () => void
}

/** Addresses of which the country is remembered. */
const MAX_REMEMBERED = 1_000
/** A registry that does not know an address is asked again after this. */
const RETRY_MS = 10 * 60_000
/** One that does not answer is left alone for so long: questions that matter more wait behind ours. */
const PAUSE_MS = 60_000

interface Answer {
  country: string | undefined
  isArrived: boolean
  readonly askedMs: number
  readonly arrived: Promise<void>
}

/** Where addresses are, as the registry's GeoIP database says: asked when somebody wants to know, then remembered. */
export class Countries {
  readonly #init: CountriesInit
  readonly #answers = new Map<string, Answer>()
  /** One question at a time. */
  readonly #turns = new Turns()
  #pausedUntilMs = Number.NEGATIVE_INFINITY
  readonly #logLimit: LogLimit

  constructor(init: CountriesInit) {
    this.#init = init
    this.#logLimit = new LogLimit(init.clock, { burst: 1 })
  }

  /** The country of an address, if it is known already; otherwise the registry is asked. */
  of(host: string): string | undefined {
    return this.#answer(host)?.country
  }

  /** The connection of this machine is another one: the registry may answer now. */
  networkChanged(): void {
    this.#pausedUntilMs = Number.NEGATIVE_INFINITY
  }

  /** Whether the registry is being asked. */
  isBeingAsked(host: string): boolean {
    return this.#answer(host)?.isArrived === false
  }

  /** What was known when we ran before. */
  remember(host: string, country: string): void {
    const askedMs = this.#init.clock.monotonicMs()
    const answer = { country, isArrived: true, askedMs, arrived: Promise.resolve() }
    remember(this.#answers, host, answer, MAX_REMEMBERED)
  }

  /** Resolves when the registry has answered for these, or has failed to. */
  async ready(hosts: readonly string[]): Promise<void> {
    await Promise.all(hosts.map((host) => this.#answer(host)?.arrived))
  }

  #answer(host: string): Answer | undefined {
    if (!isPublic(host)) return undefined // also a name
    const { clock } = this.#init
    const known = this.#answers.get(host)
    if (known && (known.country !== undefined || clock.monotonicMs() - known.askedMs < RETRY_MS)) return known
    if (clock.monotonicMs() < this.#pausedUntilMs) return undefined
    const arrived = this.#turns.take(() => this.#ask(host, answer))
    const answer: Answer = { country: undefined, isArrived: false, askedMs: clock.monotonicMs(), arrived }
    remember(this.#answers, host, answer, MAX_REMEMBERED)
    return answer
  }

  async #ask(host: string, answer: Answer): Promise<void> {
    const { getCountry, clock, log, signal, onAnswered } = this.#init
    try {
      if (clock.monotonicMs() < this.#pausedUntilMs) return void this.#answers.delete(host)
      answer.country = await getCountry(host, signal)
      this.#logLimit.forget()
      log.debug({ underlay: host, country: answer.country }, 'the registry says where an address is')
    } catch (error) {
      this.#pausedUntilMs = clock.monotonicMs() + PAUSE_MS
      this.#answers.delete(host)
      if (!signal.aborted)
        this.#logLimit.write(messageOf(error), (omitted) =>
          log.info(
            { underlay: host, reason: messageOf(error), ...omitted },
            'the country of an address is not known',
          ),
        )
    }
    answer.isArrived = true
    onAnswered()
  }
}
