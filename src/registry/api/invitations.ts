import { randomBytes } from 'node:crypto'
import type { Communities } from '../../core/allocation/community.ts'
import { DAY_MS } from '../../core/day.ts'
import { isEmailAddress } from '../../core/values/email-address.ts'
import { subnetNameOfBits } from '../../core/values/prefix.ts'
import { shellWord } from '../../core/values/shell-word.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Queries } from '../database/queries.ts'
import type { Store } from '../database/store.ts'
import { Refusal } from '../refusal.ts'
import { type Actor, audit } from './audit-log.ts'
import type {
  Invitation,
  InvitationPage,
  InvitationQuery,
  InvitationState,
  MadeInvitation,
  NewInvitation,
} from './schemas/invitations.ts'
import { endWithinAYear, timeOf } from './time.ts'

const DEFAULT_LIFE_MS = 14 * DAY_MS
const DEFAULT_PAGE = 1_000
/** Those that can be used: more are a mistake. */
const MAX_LIVING = 10_000

/** What an invitation says beside what the table `token` does. */
export interface InvitationRow {
  readonly id: string
  readonly token: string
  readonly uses: number
  readonly uses_left: number
  readonly made: number
  readonly made_by: string
  readonly ends: number
  readonly email: string | null
  readonly community: string | null
  readonly machine_name: string | null
}

/** What invitations need. */
export interface InvitationsComponents {
  readonly store: Store
  readonly communities: Communities
  readonly mailPrefixLength: number
  readonly newToken: () => Promise<string>
  readonly clock: Pick<Clock, 'now'>
  readonly fingerprint: string
  /** Where machines find the registry, by where the page is. */
  readonly registryUrl: (pageUrl: string) => string
}

/**
 * Invitations: tokens that an operator makes. Each is in the table `token`, so that what machines call is as it was; what is
 * more than that stands beside it.
 */
export class Invitations {
  readonly #components: InvitationsComponents

  constructor(components: InvitationsComponents) {
    this.#components = components
  }

  /** All that can be used, and those that were used up and have not ended, the latest first. */
  async list({ offset = 0, limit = DEFAULT_PAGE }: InvitationQuery = {}): Promise<InvitationPage> {
    const { store } = this.#components
    const now = await this.#now()
    const rows = await store.all<InvitationRow>(
      'SELECT * FROM invitation WHERE ends > ? ORDER BY made DESC, id LIMIT ? OFFSET ?',
      ...[now, limit, offset],
    )
    const [count] = await store.all<{ n: number }>('SELECT COUNT(*) AS n FROM invitation WHERE ends > ?', now)
    const uses = await store.allIn<{ id: string; prefix: string; date: number }>(
      'SELECT id, prefix, date FROM invitation_use WHERE id IN ?',
      rows.map(({ id }) => id),
    )
    const machines = new Map<string, string[]>()
    for (const { id, prefix } of uses.sort((one, other) => Number(one.date) - Number(other.date)))
      machines.set(id, [...(machines.get(id) ?? []), subnetNameOfBits(prefix)])
    return {
      total: Number(count?.n ?? 0),
      items: rows.map((row) => asInvitation(row, machines.get(row.id) ?? [])),
    }
  }

  /** What whoever has its token may know of one. Of a token that is none, nothing: an operator may have chosen one that can be guessed. */
  async state(token: string): Promise<InvitationState> {
    const row = await invitationOf(this.#components.store, token)
    const isUsable = row !== undefined && Number(row.ends) > (await this.#now()) && Number(row.uses_left) > 0
    return isUsable
      ? { isUsable, usesLeft: Number(row.uses_left), end: timeOf(Number(row.ends)) }
      : { isUsable }
  }

  /** How many can be used. */
  async countUsable(): Promise<number> {
    const [count] = await this.#components.store.all<{ n: number }>(
      'SELECT COUNT(*) AS n FROM invitation WHERE ends > ? AND uses_left > 0',
      await this.#now(),
    )
    return Number(count?.n ?? 0)
  }

  async #now(): Promise<number> {
    const { store, clock } = this.#components
    return Math.floor((await store.commonTimeMs(clock)) / 1000)
  }

  /**
   * @param baseUrl under which host machines find the registry, where nothing else is said; and the page, if it is there
   * @throws Refusal for what cannot be
   */
  async make(
    actor: Actor,
    wanted: NewInvitation,
    { baseUrl, hasPage }: { readonly baseUrl: string; readonly hasPage: boolean },
  ): Promise<MadeInvitation> {
    const { store, communities, mailPrefixLength, newToken, clock } = this.#components
    const { uses = 1, email, community, machineName } = wanted
    const nowMs = await store.commonTimeMs(clock)
    const endMs = wanted.end === undefined ? nowMs + DEFAULT_LIFE_MS : Date.parse(wanted.end)
    if (mailPrefixLength === 0)
      throw new Refusal(409, 'registration with tokens is disabled: see --prefix-length')
    endWithinAYear(endMs, nowMs)
    if (email !== undefined && !isEmailAddress(email)) throw new Refusal(400, 'email: not an e-mail address')
    if (community !== undefined && !communities.all.includes(community))
      throw new Refusal(
        400,
        `community: must be one of ${communities.all.map((bits) => JSON.stringify(bits)).join(', ')}`,
      )
    const row: InvitationRow = {
      // One that begins with a dash would be no value of an option.
      id: randomBytes(9).toString('hex'),
      token: await newToken(),
      uses,
      uses_left: uses,
      made: Math.floor(nowMs / 1000),
      made_by: actor.name,
      ends: Math.floor(endMs / 1000),
      email: email ?? null,
      community: community ?? null,
      machine_name: machineName ?? null,
    }
    await store.write(async (writable) => {
      const [living] = await writable.all<{ n: number }>(
        'SELECT COUNT(*) AS n FROM invitation WHERE ends > ? AND uses_left > 0',
        row.made,
      )
      if (Number(living?.n ?? 0) >= MAX_LIVING)
        throw new Refusal(409, `there are ${MAX_LIVING} invitations that can be used: delete some`)
      await writable.addToken({
        token: row.token,
        email: email ?? '',
        prefix_len: mailPrefixLength,
        date: row.made,
      })
      // With nobody's address: who asks for a token by mail gets another.
      await writable.addMadeToken(row.token, '', row.ends)
      await writable.run(
        'INSERT INTO invitation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        ...[row.id, row.token, row.uses, row.uses_left, row.made, row.made_by, row.ends],
        ...[row.email, row.community, row.machine_name],
      )
      const detail = {
        uses,
        end: timeOf(row.ends),
        email: row.email,
        community: row.community,
        machineName: row.machine_name,
      }
      await audit(writable, actor, { action: 'invitation.made', subject: row.id, detail }, nowMs)
    })
    const registryUrl = this.#components.registryUrl(baseUrl)
    return {
      invitation: asInvitation(row, []),
      token: row.token,
      // Behind #, it is not sent to anybody, and in no log.
      ...(hasPage ? { link: `${baseUrl}/enrol#${row.token}` } : {}),
      joinLine: `re6st join --registry ${shellWord(registryUrl)} --fingerprint ${this.#components.fingerprint} --token ${row.token}`,
    }
  }

  /** It cannot be used any more. @throws Refusal 404 */
  async delete(actor: Actor, id: string): Promise<void> {
    const { store, clock } = this.#components
    await store.write(async (writable) => {
      const [row] = await writable.all<InvitationRow>('SELECT * FROM invitation WHERE id = ?', id)
      if (!row) throw new Refusal(404, 'there is no such invitation')
      await writable.deleteToken(row.token)
      await writable.run('DELETE FROM invitation WHERE id = ?', id)
      await writable.run('DELETE FROM invitation_use WHERE id = ?', id)
      await audit(writable, actor, { action: 'invitation.deleted', subject: id }, clock.now())
    })
  }
}

const asInvitation = (row: InvitationRow, machines: string[]): Invitation => ({
  id: row.id,
  usesLeft: row.uses_left,
  uses: row.uses,
  madeAt: timeOf(row.made),
  madeBy: row.made_by,
  end: timeOf(row.ends),
  ...(row.email === null ? {} : { email: row.email }),
  ...(row.community === null ? {} : { community: row.community }),
  ...(row.machine_name === null ? {} : { machineName: row.machine_name }),
  machines,
})

/** What lies behind a token; undefined: it is just a token. */
export const invitationOf = async (queries: Queries, token: string): Promise<InvitationRow | undefined> =>
  (await queries.all<InvitationRow>('SELECT * FROM invitation WHERE token = ?', token))[0]

/**
 * A token was used for a prefix: it is gone, unless it is an invitation for more. Call it in the transaction that
 * writes the certificate.
 * @returns whether there was one; not when others have used it up
 */
export async function useToken(
  writable: Queries,
  token: string,
  prefix: string,
  nowMs: number,
): Promise<boolean> {
  const invitation = await invitationOf(writable, token)
  if (!invitation) return writable.deleteToken(token)
  if (invitation.uses_left < 1) return false
  const now = Math.floor(nowMs / 1000)
  await writable.run('UPDATE invitation SET uses_left = uses_left - 1 WHERE id = ?', invitation.id)
  await writable.run(
    'INSERT INTO invitation_use VALUES (?, ?, ?) ON CONFLICT (id, prefix) DO NOTHING',
    invitation.id,
    prefix,
    now,
  )
  if (invitation.machine_name !== null) await writable.setMachineName(prefix, invitation.machine_name)
  if (invitation.uses_left === 1) await writable.deleteToken(token)
  return true
}
