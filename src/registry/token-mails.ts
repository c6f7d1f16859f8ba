import { messageOf } from '../core/errors.ts'
import { type DelayLimits, delayAfter } from '../core/growing-delay.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Store } from './database/store.ts'
import { fateOf, type Mail, type Mailer, type MailFate, untilSent } from './mail.ts'
import { type ClaimedTokenMail, type TokenMail, WaitingTokenMails } from './waiting-token-mails.ts'

/** Who asks is answered by then, whatever the mail server does. */
const ANSWER_WITHIN_MS = 5_000
/** How often it is looked for what is due, also of processes that have died. */
const LOOK_MS = 60_000
/** What a mail server takes at once without taking us for a spammer. */
const MAILS_OF_A_LOOK = 60
/** Servers that put off strangers (RFC 6647) want some minutes; after a day, whoever waits has asked again. */
const DELAYS: DelayLimits = { minMs: 60_000, maxMs: 3600_000 }
const GIVE_UP_MS = 24 * 3600_000
/** So many are tried again; of others, who asks hears that: none is given up that was promised before. */
const MAX_WAITING = 1_000

/** What mails with tokens need. */
export interface TokenMailsInit {
  readonly store: Pick<Store, 'write' | 'all' | 'commonTimeMs'>
  readonly mailer: Mailer
  readonly mailOf: (mail: TokenMail) => Mail
  /** Whether a token is of use still. */
  readonly isWanted: (token: string) => Promise<boolean>
  readonly clock: Pick<Clock, 'after' | 'every' | 'now'>
  readonly log: Pick<Logger, 'error' | 'warn' | 'info'>
}

/** What has become of an attempt; `failed`: who asks is to be told. */
type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'put off'; readonly fate: MailFate }
  | { readonly kind: 'failed'; readonly error: unknown }

/**
 * Sends mails with tokens: who asks hears of what goes wrong at once, and waits no longer. What a server wants later is sent later, also
 * when the registry is started again, or by another process: a mail for each address at most. What is being sent when a registry dies is
 * sent again.
 */
export class TokenMails implements AsyncDisposable {
  readonly #init: TokenMailsInit
  readonly #waiting: WaitingTokenMails
  readonly #timer: Disposable
  readonly #attempts = new Set<Promise<unknown>>()
  #looking: Promise<void> | undefined
  #isStopped = false

  constructor(init: TokenMailsInit) {
    this.#init = init
    this.#waiting = new WaitingTokenMails(init.store)
    this.#timer = init.clock.every(LOOK_MS, () => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined
      })
      inBackground(init.log, 'mails with tokens that were put off', this.#looking)
    })
  }

  /** Resolves when it was sent, or will be later. @throws Re6stError `SYSTEM` when it will not */
  async send(wanted: TokenMail): Promise<void> {
    const { clock, log, store } = this.#init
    const mail = await this.#waiting.begin(wanted, await store.commonTimeMs(clock))
    // One is on its way there: of another token, if that was made at the same moment, and then nobody gets ours.
    if (!mail) {
      if (wanted.isNew)
        await store.write((writable) => writable.deleteToken(wanted.token), { isExpendable: true })
      return
    }
    let isAnswered = false
    const attempt = this.#attempt(mail, () => isAnswered)
    let patience: Disposable | undefined
    try {
      const outcome = await Promise.race([
        attempt,
        new Promise<undefined>((resolve) => {
          patience = clock.after(ANSWER_WITHIN_MS, () => resolve(undefined))
        }),
      ])
      if (outcome?.kind === 'failed') throw outcome.error
    } finally {
      patience?.[Symbol.dispose]()
      isAnswered = true
    }
    inBackground(
      log,
      'the mail with a token',
      attempt.then((outcome) => this.#tell(outcome)),
    )
  }

  /** Sends what is due, one after the other, until nobody takes any. */
  async #look(): Promise<void> {
    const { clock, store } = this.#init
    for (let count = 0; count < MAILS_OF_A_LOOK && !this.#isStopped; count++) {
      const nowMs = await store.commonTimeMs(clock)
      const mail = await this.#waiting.claimNext(nowMs, DELAYS.maxMs)
      if (!mail) return
      if (!(await this.#init.isWanted(mail.token))) {
        await this.#waiting.forget(mail)
        continue
      }
      const outcome = await this.#attempt(mail, () => true)
      this.#tell(outcome)
      if (outcome.kind === 'put off' && outcome.fate === 'nobody') return
    }
  }

  #tell(outcome: Outcome): void {
    if (outcome.kind === 'failed')
      this.#init.log.error({ reason: messageOf(outcome.error) }, 'a mail with a token is given up')
  }

  #attempt(mail: ClaimedTokenMail, isAnswered: () => boolean): Promise<Outcome> {
    const attempt = this.#try(mail, isAnswered)
    this.#attempts.add(attempt)
    attempt.catch(() => {}).finally(() => this.#attempts.delete(attempt))
    return attempt
  }

  /** @throws what the database says: whoever claims it next tries it again */
  async #try(mail: ClaimedTokenMail, isAnswered: () => boolean): Promise<Outcome> {
    const { mailer, mailOf, clock, log, store } = this.#init
    try {
      await mailer.send(mailOf(mail))
    } catch (error) {
      const fate = fateOf(error)
      if (fate === 'later' || (fate === 'nobody' && isAnswered())) {
        const nowMs = await store.commonTimeMs(clock)
        if (await this.#mayWait(mail, nowMs)) {
          await this.#waiting.putOff(mail, nowMs + delayAfter(mail.attempts, DELAYS))
          log.info({ reason: messageOf(error) }, 'a mail with a token is sent again later')
          return { kind: 'put off', fate }
        }
      }
      if (fate !== 'unknown') {
        await this.#waiting.giveUp(mail)
        return { kind: 'failed', error }
      }
      // Who has not got it asks again.
      log.warn({ reason: messageOf(error) }, 'whether a mail with a token was taken is not known')
    }
    await this.#waiting.forget(mail)
    return { kind: 'done' }
  }

  /** A clock that was far ahead or behind when it was asked for keeps none for ever. */
  async #mayWait({ madeMs, attempts }: ClaimedTokenMail, nowMs: number): Promise<boolean> {
    if (Math.abs(nowMs - madeMs) >= GIVE_UP_MS) return false
    return attempts > 0 || (await this.#waiting.count()) <= MAX_WAITING
  }

  /** Waits for what is being sent, so that it is written down, but not for a server that does not answer. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    this.#timer[Symbol.dispose]()
    await untilSent(Promise.allSettled([this.#looking, ...this.#attempts]))
  }
}
