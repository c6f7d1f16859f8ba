import { messageOf } from '../core/errors.ts'
import { type DelayLimits, GrowingDelay } from '../core/growing-delay.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { fateOf, type Mail, type Mailer } from './mail.ts'

/** Who asks is answered by then, whatever the mail server does. */
const ANSWER_WITHIN_MS = 5_000
/** Servers that put off strangers (RFC 6647) want some minutes; after a day, whoever waits has asked again. */
const DELAYS: DelayLimits = { minMs: 60_000, maxMs: 3600_000 }
const GIVE_UP_MS = 24 * 3600_000
/** So many are tried again; of others, who asks hears that. */
const MAX_WAITING = 1_000

/** What mails with tokens need. */
export interface TokenMailsInit {
  readonly mailer: Mailer
  readonly clock: Pick<Clock, 'after' | 'monotonicMs'>
  readonly log: Pick<Logger, 'error' | 'warn' | 'info'>
}

/** A mail with a token. */
export interface TokenMail {
  readonly mail: Mail
  /** Whether it is of use still. */
  readonly isWanted: () => Promise<boolean>
  /** It will not be sent. */
  readonly giveUp: () => Promise<void>
}

/** One that is to be sent, each once. */
interface Sending extends TokenMail {
  readonly endMs: number
  readonly delay: GrowingDelay
  /** Who asked has been answered. */
  isAnswered: boolean
  timer?: Disposable
}

/**
 * Sends mails with tokens: who asks hears of what goes wrong at once, and waits no longer. What a server wants later is sent later, for as
 * long as this process runs: a mail for each address at most.
 */
export class TokenMails implements Disposable {
  readonly #init: TokenMailsInit
  /** By address, the mail that is sent, or will be sent again. */
  readonly #waiting = new Map<string, Sending>()
  #isOver = false

  constructor(init: TokenMailsInit) {
    this.#init = init
  }

  /** Resolves when it was sent, or will be later. @throws Re6stError `SYSTEM` when it will not */
  async send(wanted: TokenMail): Promise<void> {
    const { clock, log } = this.#init
    const { to } = wanted.mail
    this.#waiting.get(to)?.timer?.[Symbol.dispose]()
    const sending: Sending = {
      ...wanted,
      ...{ endMs: clock.monotonicMs() + GIVE_UP_MS, delay: new GrowingDelay(DELAYS), isAnswered: false },
    }
    this.#waiting.set(to, sending)
    const attempt = this.#attempt(sending)
    let patience: Disposable | undefined
    try {
      await Promise.race([
        attempt,
        new Promise<void>((resolve) => {
          patience = clock.after(ANSWER_WITHIN_MS, resolve)
        }),
      ])
    } finally {
      patience?.[Symbol.dispose]()
      sending.isAnswered = true
    }
    inBackground(log, 'the mail with a token', attempt)
  }

  /** @throws what is to be told to who asks */
  async #attempt(sending: Sending): Promise<void> {
    const { mailer, log } = this.#init
    try {
      await mailer.send(sending.mail)
      this.#forget(sending)
    } catch (error) {
      // Whoever asks again, when the registry runs again, gets the same token.
      if (this.#isOver) return
      const fate = fateOf(error)
      if (fate === 'unknown') {
        // Who has not got it asks again.
        this.#forget(sending)
        log.warn({ reason: messageOf(error) }, 'whether a mail with a token was taken is not known')
      } else if (
        (fate === 'later' || (fate === 'nobody' && sending.isAnswered)) &&
        this.#isToBeTriedAgain(sending)
      ) {
        this.#later(sending, error)
      } else {
        // Another one may have been asked for since, of the same token.
        if (this.#forget(sending)) await sending.giveUp()
        throw error
      }
    }
  }

  #isToBeTriedAgain(sending: Sending): boolean {
    return (
      this.#waiting.get(sending.mail.to) === sending &&
      this.#waiting.size <= MAX_WAITING &&
      this.#init.clock.monotonicMs() < sending.endMs
    )
  }

  #later(sending: Sending, error: unknown): void {
    const { clock, log } = this.#init
    log.info({ reason: messageOf(error) }, 'a mail with a token is sent again later')
    sending.timer = clock.after(sending.delay.take(), () =>
      inBackground(log, 'the mail with a token', this.#again(sending)),
    )
  }

  async #again(sending: Sending): Promise<void> {
    let isWanted: boolean
    try {
      isWanted = await sending.isWanted()
    } catch (error) {
      // The database may be away: that says nothing of the mail.
      if (this.#isToBeTriedAgain(sending)) this.#later(sending, error)
      else this.#forget(sending)
      return
    }
    if (isWanted) await this.#attempt(sending)
    else this.#forget(sending)
  }

  /** @returns whether it was the last one to its address */
  #forget(sending: Sending): boolean {
    const isLast = this.#waiting.get(sending.mail.to) === sending
    if (isLast) this.#waiting.delete(sending.mail.to)
    return isLast
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    for (const { timer } of this.#waiting.values()) timer?.[Symbol.dispose]()
    this.#waiting.clear()
  }
}
