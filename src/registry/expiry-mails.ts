import { once } from 'node:events'
import { DAY_MS, dayOf } from '../core/day.ts'
import { messageOf } from '../core/errors.ts'
import { isEmailAddress } from '../core/values/email-address.ts'
import { subnetNameOfBits } from '../core/values/prefix.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Store } from './database/store.ts'
import type { Holder } from './holders.ts'
import { fateOf, type Mailer, type MailFate } from './mail.ts'

/** What mails about the end of certificates need. */
export interface ExpiryMailComponents {
  readonly store: Pick<Store, 'write' | 'all' | 'commonTimeMs'>
  /** Certificates that are in use and have ended by then, the first to end first. */
  readonly ending: (untilMs: number) => AsyncIterable<Holder>
  readonly mailer: Mailer
  readonly sender: string
  readonly network: string
  readonly gracePeriodMs: number
  readonly clock: Clock
  readonly log: Logger
}

const FIRST_ROUND_MS = 60_000
const ROUND_MS = 3600_000
/** A mail server that is asked for more at once may take us for somebody who sends spam; the rest comes an hour later. */
const MAILS_OF_A_ROUND = 200

/** How long a registry that stops waits for a mail server. */
const LAST_MAIL_MS = 3_000

/** Whoever began to send a mail so long ago, and has not ended, never will: a mail server is given up after a minute. */
const SENDING_SECONDS = 600

/** One that a server does not want is sent again after that: it may be the server that is set up wrongly. */
const REFUSED_SECONDS = 24 * 3600

const NOT_TAKEN: Readonly<Record<Exclude<MailFate, 'nobody'>, string>> = {
  refused: 'a mail about the end of a certificate is refused: tried again after a day',
  later: 'a mail about the end of a certificate is wanted later: tried again after an hour',
  unknown: 'whether a mail about the end of a certificate was taken is not known',
}

/** Days before its end at which the owner of a certificate hears of it; 0: it has ended. */
const STAGES = [30, 7, 1, 0] as const
type Stage = (typeof STAGES)[number]

/**
 * A machine that runs renews its certificate by itself within the first day of the last 30: its owner need not hear of it.
 */
const TIME_TO_RENEW_MS = 26 * 3600 * 1000

const FIRST_STAGE_MS = 30 * DAY_MS - TIME_TO_RENEW_MS

/** Which mail is due for a certificate; undefined: none yet. One that was missed is not made up for by an older one. */
export function stageOf(notAfterMs: number, nowMs: number): Stage | undefined {
  const leftMs = notAfterMs - nowMs
  if (leftMs <= 0) return 0
  if (leftMs <= DAY_MS) return 1
  if (leftMs <= 7 * DAY_MS) return 7
  return leftMs <= FIRST_STAGE_MS ? 30 : undefined
}

/**
 * Tells owners by mail that a certificate ends soon, or has ended, and what to do. Each mail is sent once, also when the registry
 * is started again: that it is being sent is written down first, as a date below zero, and that it was sent when a server has
 * taken it. When the registry dies in between, it is sent again. One that a server does not want keeps nobody else from theirs.
 */
export class ExpiryMails implements AsyncDisposable {
  readonly #components: ExpiryMailComponents
  readonly #timers: readonly Disposable[]
  #running: Promise<void> | undefined
  #isStopped = false

  constructor(components: ExpiryMailComponents) {
    this.#components = components
    const { clock, log } = components
    const round = () => {
      this.#running ??= this.#round().finally(() => {
        this.#running = undefined
      })
      inBackground(log, 'mails about certificates that end', this.#running)
    }
    this.#timers = [clock.after(FIRST_ROUND_MS, round), clock.every(ROUND_MS, round)]
  }

  async #round(): Promise<void> {
    let left = MAILS_OF_A_ROUND
    for await (const [holder, stage] of this.#due()) {
      if (left === 0 || this.#isStopped) return
      if (!(await this.#claim(holder, stage))) continue
      left -= 1
      await this.#send(holder, stage)
    }
  }

  /** One after the other: there may be a million. */
  async *#due(): AsyncGenerator<readonly [Holder, Stage]> {
    const { ending, clock } = this.#components
    const nowMs = clock.now()
    for await (const holder of ending(nowMs + FIRST_STAGE_MS)) {
      if (holder.email === null || !isEmailAddress(holder.email)) continue
      const stage = stageOf(holder.notAfterMs, nowMs)
      if (stage !== undefined) yield [holder, stage]
    }
  }

  /** Whether it is up to us: no mail was sent yet, and nobody else sends it; who began to and never ended is dead. */
  async #claim({ serial }: Holder, stage: Stage): Promise<boolean> {
    const { store, clock } = this.#components
    // Of the one who began to send it, by whichever clock its machine has.
    const now = Math.floor((await store.commonTimeMs(clock)) / 1000)
    const [noted] = await store.all<{ date: number }>(
      'SELECT date FROM expiry_mail WHERE serial = ? AND stage = ?',
      ...[serial, stage],
    )
    if (noted && Number(noted.date) >= 0) return false
    const changes = await store.write(
      (writable) =>
        writable.run(
          'INSERT INTO expiry_mail VALUES (?, ?, ?) ON CONFLICT (serial, stage) DO UPDATE SET date = excluded.date WHERE expiry_mail.date < 0 AND expiry_mail.date >= ?',
          ...[serial, stage, -now, SENDING_SECONDS - now],
        ),
      { isExpendable: true },
    )
    return changes === 1
  }

  /** @throws when there is no server that takes any */
  async #send(holder: Holder, stage: Stage): Promise<void> {
    const { mailer, sender, log, network, gracePeriodMs } = this.#components
    const peer = subnetNameOfBits(holder.prefix)
    const { notAfterMs } = holder
    try {
      await mailer.send({
        from: sender,
        to: holder.email ?? '',
        ...textOf({ peer, network, stage, notAfterMs, gracePeriodMs }),
      })
    } catch (error) {
      const fate = fateOf(error)
      await this.#note(holder, stage, fate)
      if (fate === 'nobody') throw error
      log.warn({ peer, stage, reason: messageOf(error) }, NOT_TAKEN[fate])
      return
    }
    await this.#note(holder, stage, 'taken')
    log.info({ peer, stage }, 'its owner was told that its certificate ends')
  }

  /** One that a server may have is not sent again: each hour another one would come. */
  async #note({ serial }: Holder, stage: Stage, fate: MailFate | 'taken'): Promise<void> {
    const { store, clock } = this.#components
    const now = Math.floor(clock.now() / 1000)
    const date = fate === 'refused' ? -(now + REFUSED_SECONDS - SENDING_SECONDS) : now
    await store.write(
      (writable) =>
        fate === 'nobody' || fate === 'later'
          ? writable.run('DELETE FROM expiry_mail WHERE serial = ? AND stage = ?', serial, stage)
          : writable.run(
              'UPDATE expiry_mail SET date = ? WHERE serial = ? AND stage = ?',
              date,
              serial,
              stage,
            ),
      { isExpendable: true },
    )
  }

  /** Waits for the mail that is being sent, so that it is written down, but not for a server that does not answer. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    for (const timer of this.#timers) timer[Symbol.dispose]()
    const patience = AbortSignal.timeout(LAST_MAIL_MS)
    await Promise.race([this.#running?.catch(() => {}), once(patience, 'abort')])
  }
}

interface Told {
  readonly peer: string
  readonly network: string
  readonly stage: Stage
  readonly notAfterMs: number
  readonly gracePeriodMs: number
}

function textOf({ peer, network, stage, notAfterMs, gracePeriodMs }: Told) {
  const end = dayOf(notAfterMs)
  const last = dayOf(notAfterMs + gracePeriodMs)
  const when = stage === 0 ? `ended on ${end}` : `ends on ${end}`
  return {
    subject: `[re6stnet] The certificate of ${peer} ${when}`,
    text: `Hello,

the certificate of your machine ${peer} in the network ${network} ${when}.

A machine that runs and can reach the registry renews it by itself. This one has not: start re6stnet on it, or look at
what "re6st doctor" says there. That works until ${last}, also after the end of the certificate.

After that, enrol it again with this address, by "re6st-conf --registry URL --email ADDRESS": it gets another prefix.
If you do not use the machine any more, ignore this mail.
`,
  }
}
