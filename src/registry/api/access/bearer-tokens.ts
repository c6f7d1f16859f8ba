import { randomBytes } from 'node:crypto'
import type { Role } from '../../../core/values/roles.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Store } from '../../database/store.ts'
import { Refusal } from '../../refusal.ts'
import { type Actor, audit } from '../audit-log.ts'
import type { BearerToken, MadeBearerToken, NewBearerToken } from '../schemas/access.ts'
import { endWithinAYear, timeOf } from '../time.ts'
import { hashOfSecret, newSecret } from './secret.ts'

/** What a secret begins with: programs that look for secrets in the wrong places find it. */
const PREFIX = 're6st_'
const MAX_TOKENS = 1_000
/** How long those are listed that have ended: what they did is in the audit log. */
const SHOWN_SECONDS = 30 * 24 * 3600
/** When it was last used is written down so often. */
const WRITTEN_SECONDS = 60

interface TokenRow {
  readonly id: string
  readonly label: string
  readonly scope: Role
  readonly made_by: string
  readonly made: number
  readonly ends: number
  readonly used: number | null
}

/** Tokens of programs: each has one scope and an end, and only its hash is stored. */
export class BearerTokens {
  readonly #store: Store
  readonly #clock: Pick<Clock, 'now'>

  constructor(store: Store, clock: Pick<Clock, 'now'>) {
    this.#store = store
    this.#clock = clock
  }

  async list(): Promise<BearerToken[]> {
    const rows = await this.#store.all<TokenRow>(
      'SELECT id, label, scope, made_by, made, ends, used FROM bearer_token ORDER BY made, id',
    )
    return rows.map(asToken)
  }

  /** @throws Refusal for an end that is past or too far, or when there are very many */
  async make(actor: Actor, { label, scope, end }: NewBearerToken): Promise<MadeBearerToken> {
    const nowMs = this.#clock.now()
    const endMs = endWithinAYear(Date.parse(end), nowMs)
    const secret = `${PREFIX}${newSecret()}`
    const row = {
      id: randomBytes(9).toString('base64url'),
      label,
      scope,
      made_by: actor.name,
      made: Math.floor(nowMs / 1000),
      ends: Math.floor(endMs / 1000),
      used: null,
    }
    await this.#store.write(async (writable) => {
      await writable.run('DELETE FROM bearer_token WHERE ends <= ?', row.made - SHOWN_SECONDS)
      const [count] = await writable.all<{ n: number }>(
        'SELECT COUNT(*) AS n FROM bearer_token WHERE ends > ?',
        row.made,
      )
      if (Number(count?.n ?? 0) >= MAX_TOKENS)
        throw new Refusal(409, `there are ${MAX_TOKENS} tokens that have not ended: delete some`)
      await writable.run(
        'INSERT INTO bearer_token VALUES (?, ?, ?, ?, ?, ?, ?, NULL)',
        ...[row.id, hashOfSecret(secret), label, scope, row.made_by, row.made, row.ends],
      )
      await audit(
        writable,
        actor,
        { action: 'token.made', subject: row.id, detail: { label, scope, end } },
        nowMs,
      )
    })
    return { token: asToken(row), secret }
  }

  /** @throws Refusal 404 */
  async delete(actor: Actor, id: string): Promise<void> {
    await this.#store.write(async (writable) => {
      if ((await writable.run('DELETE FROM bearer_token WHERE id = ?', id)) === 0)
        throw new Refusal(404, 'there is no such token')
      await audit(writable, actor, { action: 'token.deleted', subject: id }, this.#clock.now())
    })
  }

  /** Whose this is; undefined: nobody's, or it has ended. */
  async find(
    secret: string,
  ): Promise<{ readonly id: string; readonly label: string; readonly scope: Role } | undefined> {
    if (!secret.startsWith(PREFIX)) return undefined
    const [row] = await this.#store.all<TokenRow>(
      'SELECT * FROM bearer_token WHERE hash = ?',
      hashOfSecret(secret),
    )
    const now = Math.floor(this.#clock.now() / 1000)
    if (!row || row.ends <= now) return undefined
    if (now - (row.used ?? 0) >= WRITTEN_SECONDS)
      await this.#store.write(
        (writable) => writable.run('UPDATE bearer_token SET used = ? WHERE id = ?', now, row.id),
        { isExpendable: true },
      )
    return { id: row.id, label: row.label, scope: row.scope }
  }
}

const asToken = ({ id, label, scope, made_by, made, ends, used }: TokenRow): BearerToken => ({
  id,
  label,
  scope,
  madeBy: made_by,
  madeAt: timeOf(made),
  end: timeOf(ends),
  ...(used === null ? {} : { usedAt: timeOf(used) }),
})
