import { DAY_MS, dayOf } from '../core/day.ts'
import { messageOf } from '../core/errors.ts'
import { isEmailAddress } from '../core/values/email-address.ts'
import { subnetNameOfBits } from '../core/values/prefix.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Store } from './database/store.ts'
import type { Holder } from './holders.ts'
import { fateOf, type Mailer, type MailFate, SENDING_MS, untilSent } from './mail.ts'

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
/** So many of them are left for those that were put off, however many are new: neither keeps the other waiting for ever. */
const LEFT_FOR_PUT_OFF = 50
/** So many one after the other that no server has taken: there is none, and the others need not be tried. */
const NOBODY_IN_A_ROW = 5

const SENDING_SECONDS = SENDING_MS / 1000

/** One that a server does not want is sent again after that: it may be the server that is set up wrongly. */
const REFUSED_SECONDS = 24 * 3600
/** One that was put off is due again at the next round. */
const PUT_OFF_SECONDS = 50 * 60

const NOT_TAKEN: Readonly<Record<MailFate, string>> = {
  nobody: 'nobody takes a mail about the end of a certificate: tried again after an hour',
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

/** A mail that is due; `since` when it was tried, if it was: below zero, as it is written down. */
interface DueMail {
  readonly holder: Holder
  readonly stage: Stage
  readonly since: number
}

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
 * taken it. When the registry dies in between, it is sent again. One that a server does not want, or wants later, keeps nobody else
 * from theirs: new ones come first, those that have waited for longest next.
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
    let nobodyInARow = 0
    /** @throws when there seems to be no server that takes any */
    const send = async ({ holder, stage }: DueMail) => {
      if (this.#isStopped || !(await this.#claim(holder, stage))) return
      left -= 1
      const failure = await this.#send(holder, stage)
      nobodyInARow = failure === undefined ? 0 : nobodyInARow + 1
      if (nobodyInARow >= NOBODY_IN_A_ROW) throw failure
    }
    const putOff: DueMail[] = []
    for await (const due of this.#due()) {
      if (this.#isStopped) return
      if (due.since < 0) keepFirst(putOff, due)
      else if (left > LEFT_FOR_PUT_OFF) await send(due)
    }
    for (const due of putOff.sort(byWait).slice(0, left)) await send(due)
  }

  /** One after the other: there may be a million. */
  async *#due(): AsyncGenerator<DueMail> {
    const { ending, clock, store } = this.#components
    const nowMs = clock.now()
    for await (const holder of ending(nowMs + FIRST_STAGE_MS)) {
      if (holder.email === null || !isEmailAddress(holder.email)) continue
      const stage = stageOf(holder.notAfterMs, nowMs)
      if (stage === undefined) continue
      const [noted] = await store.all<{ date: number }>(
        'SELECT date FROM expiry_mail WHERE serial = ? AND stage = ?',
        ...[holder.serial, stage],
      )
      const since = Number(noted?.date ?? 0)
      if (!noted || since < 0) yield { holder, stage, since }
    }
  }

  /** Whether it is up to us: no mail was sent yet, and nobody else sends it; who began to and never ended is dead. */
  async #claim({ serial }: Holder, stage: Stage): Promise<boolean> {
    const { store, clock } = this.#components
    // Of the one who began to send it, by whichever clock its machine has.
    const now = Math.floor((await store.commonTimeMs(clock)) / 1000)
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

  /** @returns why nobody has taken it, where it is not this mail alone that is not wanted */
  async #send(holder: Holder, stage: Stage): Promise<unknown> {
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
      log.warn({ peer, stage, reason: messageOf(error) }, NOT_TAKEN[fate])
      return fate === 'nobody' ? error : undefined
    }
    await this.#note(holder, stage, 'taken')
    log.info({ peer, stage }, 'its owner was told that its certificate ends')
    return undefined
  }

  /** One that a server may have is not sent again: each hour another one would come. */
  async #note({ serial }: Holder, stage: Stage, fate: MailFate | 'taken'): Promise<void> {
    const { store, clock } = this.#components
    const now = Math.floor((await store.commonTimeMs(clock)) / 1000)
    await store.write(
      (writable) =>
        writable.run(
          'UPDATE expiry_mail SET date = ? WHERE serial = ? AND stage = ?',
          ...[dateOf(fate, now), serial, stage],
        ),
      { isExpendable: true },
    )
  }

  /** Waits for the mail that is being sent, so that it is written down, but not for a server that does not answer. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    for (const timer of this.#timers) timer[Symbol.dispose]()
    await untilSent(this.#running)
  }
}

/** When it was sent; below zero, when somebody must have begun to send it, so that it is due again after a while. */
function dateOf(fate: MailFate | 'taken', now: number): number {
  if (fate === 'taken' || fate === 'unknown') return now
  return SENDING_SECONDS - now - (fate === 'refused' ? REFUSED_SECONDS : PUT_OFF_SECONDS)
}

/** What was tried longest ago comes first. */
const byWait = (one: DueMail, other: DueMail): number => other.since - one.since

/** Keeps those that come first, of however many: no round sends more. */
function keepFirst(mails: DueMail[], mail: DueMail): void {
  mails.push(mail)
  if (mails.length >= 2 * MAILS_OF_A_ROUND) mails.sort(byWait).splice(MAILS_OF_A_ROUND)
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
