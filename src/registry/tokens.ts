import { randomInt } from 'node:crypto'
import { DAY_MS } from '../core/day.ts'
import { remember } from '../core/remember.ts'
import { isEmailAddress } from '../core/values/email-address.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Store, Write } from './database/store.ts'
import type { TokenRow } from './database/tables.ts'
import type { Mailer } from './mail.ts'
import { Refusal } from './refusal.ts'
import { TokenMails } from './token-mails.ts'

/** Letters of a token that is made up: 94 bits, which nobody guesses. */
export const TOKEN_LENGTH = 20
/** How long such a token lives: somebody waits for it. */
export const TOKEN_LIFE_MS = 14 * DAY_MS
/** A mail is on its way: it is not sent again sooner. */
const MAIL_PAUSE_MS = 60_000
/** How many addresses are remembered that were mailed to. */
const MAX_MAILED = 10_000

const NOT_AN_ADDRESS = 'not an e-mail address (in a URL, + is written %2B)'

/** What tokens need. */
export interface TokensInit {
  readonly store: Store
  readonly mailer: Mailer | undefined
  readonly clock: Pick<Clock, 'now' | 'monotonicMs' | 'after' | 'every'>
  readonly log: Logger
  /** Of the certificates that they are for, in bits; 0: registration by mail is disabled. */
  readonly mailPrefixLength: number
  /** Sender of the mails: the CA's e-mail address. */
  readonly mailSender: string
}

/** Tokens, with each of which somebody may register: they are made up and mailed, or an operator's. */
export class Tokens implements AsyncDisposable {
  readonly #init: TokensInit
  readonly #mails: TokenMails | undefined
  /** When a mail was last sent to an address. */
  readonly #mailedMs = new Map<string, number>()

  constructor(init: TokensInit) {
    this.#init = init
    const { mailer } = init
    this.#mails =
      mailer &&
      new TokenMails({
        ...{ ...init, mailer },
        mailOf: ({ email, token }) => ({
          from: init.mailSender,
          to: email,
          subject: '[re6stnet] Token to join the network',
          text: `Hello,\n\nsomebody, probably you, asked to join a re6st network with this address.\nGive this to re6st-conf, as --token or when it asks:\n\nToken: ${token}\n\nIt can be used once. If it was not you, ignore this mail.\n`,
        }),
        isWanted: (token) => this.isUsable(token),
      })
  }

  /**
   * Whether a mail would be sent to an address: not when one was sent a moment ago.
   * @throws Refusal for what is none, without mail, or when registration by mail is disabled
   */
  isMailDue(email: string): boolean {
    if (!this.#init.mailer) throw new Refusal(403, 'there is no --mailhost')
    if (!isEmailAddress(email)) throw new Refusal(400, NOT_AN_ADDRESS)
    if (this.#init.mailPrefixLength === 0) throw new Refusal(403, 'registration by mail is disabled')
    const lastMs = this.#mailedMs.get(email)
    return lastMs === undefined || this.#init.clock.monotonicMs() - lastMs >= MAIL_PAUSE_MS
  }

  /** Mails a token, if a mail is due: a new one, unless one lives that was made for this address. @throws Refusal as `isMailDue` */
  async request(email: string): Promise<void> {
    const { store, clock } = this.#init
    if (!this.isMailDue(email) || !this.#mails) return
    remember(this.#mailedMs, email, clock.monotonicMs(), MAX_MAILED)
    try {
      const living = await store.madeTokenFor(email, Math.floor((await store.commonTimeMs(clock)) / 1000))
      const token = living ?? (await this.add(email, ''))
      await this.#mails.send({ email, token, isNew: living === undefined })
    } catch (error) {
      this.#mailedMs.delete(email)
      throw error
    }
  }

  /** What is to be sent later is sent by whoever runs then. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#mails?.[Symbol.asyncDispose]()
  }

  /**
   * Adds a token, any text; makes one up if it is empty.
   * @param also written in the same transaction
   * @throws Refusal if it exists, for what is no e-mail address, or when registration by mail is disabled
   */
  async add(email: string, given: string, also: Write = async () => {}): Promise<string> {
    const { store, clock } = this.#init
    if (this.#init.mailPrefixLength === 0) throw new Refusal(403, 'registration by mail is disabled')
    const token = given === '' ? await this.newOne() : given
    // Without one, it is for nobody in particular.
    if (email !== '' && !isEmailAddress(email)) throw new Refusal(400, NOT_AN_ADDRESS)
    await store.write(async (writable) => {
      const nowMs = await writable.commonTimeMs(clock)
      // Looked up here: another process may have added it just now.
      if (await writable.token(token)) throw new Refusal(409, 'the token exists')
      await writable.addToken({
        token,
        email,
        prefix_len: this.#init.mailPrefixLength,
        date: Math.floor(nowMs / 1000),
      })
      if (given === '') await writable.addMadeToken(token, email, Math.floor((nowMs + TOKEN_LIFE_MS) / 1000))
      await also(writable)
    })
    return token
  }

  /** A token that there is not yet. */
  async newOne(): Promise<string> {
    for (;;) {
      const token = Array.from({ length: TOKEN_LENGTH }, () => String.fromCharCode(97 + randomInt(26))).join(
        '',
      )
      if (!(await this.#init.store.token(token))) return token
    }
  }

  /** Whether a token could be used. */
  async isUsable(token: string): Promise<boolean> {
    return (await this.living(token)) !== undefined
  }

  /** A token that could be used. */
  async living(token: string): Promise<TokenRow | undefined> {
    const { store, clock } = this.#init
    const end = await store.endOfMadeToken(token)
    const isEnded = end !== undefined && end * 1000 <= (await store.commonTimeMs(clock))
    return isEnded ? undefined : store.token(token)
  }
}
