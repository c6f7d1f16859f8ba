import { randomUUID } from 'node:crypto'
import type { Store } from './database/store.ts'
import { SENDING_MS } from './mail.ts'

/** A mail with a token. */
export interface TokenMail {
  readonly email: string
  readonly token: string
  /** It was made for this mail: nobody has it when the mail is not sent. */
  readonly isNew: boolean
}

/** One that is to be sent, by whoever claims it. */
export interface WaitingTokenMail extends TokenMail {
  /** When it was asked for; times are those that all processes with the database have in common, in Unix milliseconds. */
  readonly madeMs: number
  /** How often it was put off. */
  readonly attempts: number
}

/** One that is ours until the claim ends. */
export interface ClaimedTokenMail extends WaitingTokenMail {
  readonly claim: string
}

interface Row extends Record<'is_new' | 'made' | 'attempts' | 'due', number | bigint> {
  readonly email: string
  readonly token: string
  readonly sending: string
}

/** Counters and mails that are asked for again: nothing is waited for but the own disk. */
const WRITTEN = { isExpendable: true }

/** Mails with tokens that wait, in the database: they outlive the process, and each is sent by one of several at a time. */
export class WaitingTokenMails {
  readonly #store: Pick<Store, 'write' | 'all'>

  constructor(store: Pick<Store, 'write' | 'all'>) {
    this.#store = store
  }

  /** One was asked for: what waits for the same address has been replaced. @returns undefined while another process sends one there */
  async begin(mail: TokenMail, nowMs: number): Promise<ClaimedTokenMail | undefined> {
    const { email, token, isNew } = mail
    const claim = randomUUID()
    const changes = await this.#store.write(
      (writable) =>
        writable.run(
          `INSERT INTO token_mail VALUES (?, ?, ?, ?, 0, ?, ?) ON CONFLICT (email) DO UPDATE SET token = excluded.token, is_new = CASE WHEN token_mail.token = excluded.token THEN token_mail.is_new ELSE excluded.is_new END, made = excluded.made, attempts = 0, due = excluded.due, sending = excluded.sending WHERE token_mail.sending = '' OR token_mail.due <= ? OR token_mail.due > ?`,
          ...[email, token, isNew ? 1 : 0, nowMs, nowMs + SENDING_MS, claim],
          ...[nowMs, nowMs + SENDING_MS],
        ),
      WRITTEN,
    )
    return changes === 1 ? { ...mail, madeMs: nowMs, attempts: 0, claim } : undefined
  }

  /**
   * Claims the one that has been due for longest.
   * @param mostMs nothing waits longer: what does was written by a clock that was ahead
   */
  async claimNext(nowMs: number, mostMs: number): Promise<ClaimedTokenMail | undefined> {
    for (;;) {
      const [row] = await this.#store.all<Row>(
        'SELECT * FROM token_mail WHERE due <= ? OR due > ? ORDER BY due LIMIT 1',
        ...[nowMs, nowMs + mostMs],
      )
      if (!row) return undefined
      const { email, token, due, sending } = row
      const claim = randomUUID()
      const changes = await this.#store.write(
        (writable) =>
          writable.run(
            'UPDATE token_mail SET due = ?, sending = ? WHERE email = ? AND due = ? AND sending = ?',
            ...[nowMs + SENDING_MS, claim, email, Number(due), sending],
          ),
        WRITTEN,
      )
      const isNew = Number(row.is_new) === 1
      if (changes === 1)
        return { email, token, isNew, madeMs: Number(row.made), attempts: Number(row.attempts), claim }
    }
  }

  /** How many there are. */
  async count(): Promise<number> {
    const [count] = await this.#store.all<{ n: number }>('SELECT COUNT(*) AS n FROM token_mail')
    return Number(count?.n ?? 0)
  }

  /** It is to be sent from then on, by whoever claims it. */
  async putOff({ email, attempts, claim }: ClaimedTokenMail, dueMs: number): Promise<void> {
    await this.#store.write(
      (writable) =>
        writable.run(
          "UPDATE token_mail SET attempts = ?, due = ?, sending = '' WHERE email = ? AND sending = ?",
          ...[attempts + 1, dueMs, email, claim],
        ),
      WRITTEN,
    )
  }

  /** It need not be sent any more. */
  async forget({ email, claim }: ClaimedTokenMail): Promise<void> {
    await this.#store.write(
      (writable) => writable.run('DELETE FROM token_mail WHERE email = ? AND sending = ?', email, claim),
      WRITTEN,
    )
  }

  /** It will not be sent: a token that nobody has got goes, too. */
  async giveUp({ email, claim }: ClaimedTokenMail): Promise<void> {
    await this.#store.write(async (writable) => {
      const [row] = await writable.all<Row>(
        'SELECT * FROM token_mail WHERE email = ? AND sending = ?',
        ...[email, claim],
      )
      if (!row) return
      await writable.run('DELETE FROM token_mail WHERE email = ?', email)
      if (Number(row.is_new) === 1) await writable.deleteToken(row.token)
    }, WRITTEN)
  }
}
