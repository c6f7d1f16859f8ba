import { createHmac } from 'node:crypto'
import { isSameOctets } from '../../../core/octets.ts'
import type { Role } from '../../../core/values/roles.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Queries } from '../../database/queries.ts'
import type { Store } from '../../database/store.ts'
import { Refusal } from '../../refusal.ts'
import { type Actor, audit } from '../audit-log.ts'
import type { Session } from '../schemas/access.ts'
import { timeOf } from '../time.ts'
import { hashOfSecret, newSecret } from './secret.ts'

/** How long a session lives that nobody uses, and one that is used. */
const IDLE_SECONDS = 30 * 60
const LIFE_SECONDS = 12 * 3600
/** Of who signed in elsewhere: the provider is asked again what they may do, which costs them nothing while they may. */
const OPEN_ID_LIFE_SECONDS = 3600
/** Where the key is by which pages seal what they keep in browsers. */
const STORAGE_KEY_NAME = 'page_storage_key'
/** Its use is written down so often. */
const WRITTEN_SECONDS = 60
/** Sessions of one name: the oldest makes room. */
const MAX_PER_NAME = 10

interface SessionRow {
  readonly hash: string
  readonly name: string
  readonly role: Role
  readonly method: Session['by']
  readonly made: number
  readonly used: number
}

/** A session that lives. Times in Unix seconds. */
export interface LivingSession {
  readonly name: string
  readonly role: Role
  readonly by: Session['by']
  readonly csrfToken: string
  readonly idleEnd: number
  readonly end: number
}

/**
 * Sessions of browsers. The cookie is random, and only its hash is stored; the token against forged requests is made of
 * the cookie, so that it needs no place.
 */
export class Sessions {
  readonly #store: Store
  readonly #clock: Pick<Clock, 'now'>

  constructor(store: Store, clock: Pick<Clock, 'now'>) {
    this.#store = store
    this.#clock = clock
  }

  /** Begins one, in the transaction of `also`. @returns the value of the cookie */
  async begin(
    who: { readonly name: string; readonly role: Role; readonly by: Session['by'] },
    also: (writable: Queries) => Promise<void>,
  ): Promise<string> {
    const secret = newSecret()
    const now = this.#now()
    await this.#store.write(
      async (writable) => {
        await writable.run(`DELETE FROM admin_session WHERE NOT (${LIVING})`, ...livingAt(now))
        await writable.run(
          'DELETE FROM admin_session WHERE name = ? AND hash NOT IN (SELECT hash FROM admin_session WHERE name = ? ORDER BY used DESC LIMIT ?)',
          ...[who.name, who.name, MAX_PER_NAME - 1],
        )
        await writable.run(
          'INSERT INTO admin_session VALUES (?, ?, ?, ?, ?, ?)',
          ...[hashOfSecret(secret), who.name, who.role, who.by, now, now],
        )
        if ((await writable.config(STORAGE_KEY_NAME)) === undefined)
          await writable.setConfig(STORAGE_KEY_NAME, newSecret())
        await also(writable)
      },
      { isExpendable: true },
    )
    return secret
  }

  /**
   * Whose the cookie is; undefined: nobody's any more.
   * @param isUse whether a person does something, which keeps it alive: what a page asks for by itself does not
   */
  async find(secret: string, { isUse }: { readonly isUse: boolean }): Promise<LivingSession | undefined> {
    const hash = hashOfSecret(secret)
    const [row] = await this.#store.all<SessionRow>('SELECT * FROM admin_session WHERE hash = ?', hash)
    const now = this.#now()
    // A clock that was set back does not make it live longer.
    if (
      !row ||
      now - row.made >= lifeOf(row.method) ||
      now - row.used >= IDLE_SECONDS ||
      row.made > now + WRITTEN_SECONDS
    )
      return undefined
    const isWritten = isUse && now - row.used >= WRITTEN_SECONDS
    if (isWritten)
      await this.#store.write(
        (writable) =>
          writable.run('UPDATE admin_session SET used = ? WHERE hash = ? AND used < ?', now, hash, now),
        { isExpendable: true },
      )
    return {
      name: row.name,
      role: row.role,
      by: row.method,
      csrfToken: csrfTokenOf(secret),
      idleEnd: (isWritten ? now : row.used) + IDLE_SECONDS,
      end: row.made + lifeOf(row.method),
    }
  }

  /** What whoever calls is told of who they are. @param who with the session of a browser, or without one */
  async tell({
    name,
    role,
    by,
    session,
  }: Pick<Session, 'name' | 'role' | 'by'> & {
    readonly session: LivingSession | undefined
  }): Promise<Session> {
    if (!session) return { name, role, by }
    const { csrfToken, idleEnd, end } = session
    const storageKey = await this.#store.config(STORAGE_KEY_NAME)
    return {
      ...{ name, role, by, csrfToken },
      // There is none as long as nobody has signed in since there are such keys.
      ...(typeof storageKey === 'string' ? { storageKey } : {}),
      idleEnd: timeOf(idleEnd),
      end: timeOf(end),
    }
  }

  async end(secret: string, also: (writable: Queries) => Promise<void>): Promise<void> {
    await this.#store.write(async (writable) => {
      await writable.run('DELETE FROM admin_session WHERE hash = ?', hashOfSecret(secret))
      await also(writable)
    })
  }

  /** How many sessions live, by name. */
  async count(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#store.all<{ name: string; n: number }>(
      `SELECT name, COUNT(*) AS n FROM admin_session WHERE ${LIVING} GROUP BY name ORDER BY name`,
      ...livingAt(this.#now()),
    )
    return new Map(rows.map(({ name, n }) => [name, Number(n)]))
  }

  /** Ends all of one name. @throws Refusal 404 when there are none */
  async endAll(actor: Actor, name: string): Promise<void> {
    await this.#store.write(async (writable) => {
      const ended = await writable.run('DELETE FROM admin_session WHERE name = ?', name)
      if (ended === 0) throw new Refusal(404, 'nobody is signed in under this name')
      const detail = { ended }
      await audit(writable, actor, { action: 'sessions.ended', subject: name, detail }, this.#clock.now())
    })
  }

  #now(): number {
    return Math.floor(this.#clock.now() / 1000)
  }
}

const lifeOf = (method: Session['by']): number => (method === 'openid' ? OPEN_ID_LIFE_SECONDS : LIFE_SECONDS)

/** Which rows are of sessions that live; its parameters are those of `livingAt`. */
const LIVING =
  "used > ? AND made > CASE WHEN method = 'openid' THEN CAST(? AS BIGINT) ELSE CAST(? AS BIGINT) END"
const livingAt = (now: number): number[] => [
  now - IDLE_SECONDS,
  now - OPEN_ID_LIFE_SECONDS,
  now - LIFE_SECONDS,
]

/** Whether a request was made by the page that has the session, and not by another in the same browser. */
export const isCsrfToken = (given: unknown, { csrfToken }: Pick<LivingSession, 'csrfToken'>): boolean =>
  typeof given === 'string' && isSameOctets(Buffer.from(given), Buffer.from(csrfToken))

const csrfTokenOf = (secret: string): string =>
  createHmac('sha256', secret).update('csrf').digest('base64url')
