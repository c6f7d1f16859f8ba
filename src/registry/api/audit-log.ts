import { createHash } from 'node:crypto'
import type { AuditActionName } from '../../core/values/audit-actions.ts'
import type { Queries } from '../database/queries.ts'
import type { AuditEntry } from './schemas/audit.ts'
import { timeOf } from './time.ts'

/** Whom an action is put down to. */
export interface Actor {
  readonly name: string
  /** Address; undefined for a command on the registry's machine. */
  readonly from: string | undefined
}

/** What was done. */
export interface AuditAction {
  readonly action: AuditActionName
  /** What it was done to. */
  readonly subject?: string
  /** No secrets. */
  readonly detail?: Readonly<Record<string, AuditValue>>
}

/** What details are made of: no fractions, whose text could differ. */
export type AuditValue =
  | null
  | boolean
  | number
  | string
  | readonly AuditValue[]
  | { readonly [name: string]: AuditValue }

/** A row of the table `audit`. */
export interface AuditRow {
  readonly number: number
  readonly date: number
  readonly who: string
  readonly origin: string | null
  readonly action: string
  readonly subject: string | null
  /** JSON, as it was hashed. */
  readonly detail: string
  readonly hash: string
}

/** What verifying found. `head` written down elsewhere proves also that nothing was cut off at the end. */
export type AuditState =
  | { readonly isWhole: true; readonly entries: number; readonly head: string }
  | { readonly isWhole: false; readonly entries: number; readonly head: string; readonly problem: string }

/** What stands for the hash before the first entry. */
export const NO_HASH = '0'.repeat(64)

/** The last second that a date in JavaScript can be (ECMA-262, 21.4.1.1). */
const MAX_DATE = 8.64e12

/** How many rows are read at a time. */
const BATCH = 1_000

/**
 * SHA-256 over the hash before and all columns, as JSON of one array: no two entries have the same text.
 */
export function auditHash(previous: string, row: Omit<AuditRow, 'hash'>): string {
  const { number, date, who, origin, action, subject, detail } = row
  return createHash('sha256')
    .update(JSON.stringify([previous, number, date, who, origin, action, subject, detail]))
    .digest('hex')
}

/** Adds an entry. Call it in the transaction that does what it says. */
export async function audit(
  writable: Queries,
  { name, from }: Actor,
  { action, subject, detail = {} }: AuditAction,
  nowMs: number,
): Promise<void> {
  const [last] = await writable.all<{ number: number; hash: string }>(
    'SELECT number, hash FROM audit WHERE number = (SELECT MAX(number) FROM audit)',
  )
  const row = {
    number: (last?.number ?? 0) + 1,
    date: Math.floor(nowMs / 1000),
    who: asStored(name),
    origin: from === undefined ? null : asStored(from),
    action,
    subject: subject === undefined ? null : asStored(subject),
    detail: JSON.stringify(detail),
  }
  await writable.run(
    'INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    ...[row.number, row.date, row.who, row.origin, row.action, row.subject, row.detail],
    auditHash(last?.hash ?? NO_HASH, row),
  )
}

/** What an entry says more of; one that somebody has changed is shown, too: as it is, as a text. */
function detailOf(detail: string): Readonly<Record<string, unknown>> {
  try {
    const read: unknown = JSON.parse(detail)
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) return { ...read }
  } catch {
    // As below.
  }
  return { unreadable: detail }
}

/** When an entry was made; of one that somebody has changed, the beginning of time. */
const timeOfEntry = (date: number): string =>
  timeOf(Number.isSafeInteger(date) && Math.abs(date) <= MAX_DATE ? date : 0)

/** An entry, as it is told. */
export const entryOf = ({
  number,
  date,
  who,
  origin,
  action,
  subject,
  detail,
  hash,
}: AuditRow): AuditEntry => ({
  ...{ number, who, action, hash },
  at: timeOfEntry(date),
  ...(origin === null ? {} : { from: origin }),
  ...(subject === null ? {} : { subject }),
  detail: detailOf(detail),
})

/** Which entries. */
interface WantedEntries {
  readonly action?: string | undefined
  readonly who?: string | undefined
}

// PostgreSQL wants to know the type of a parameter.
const WANTED = "(CAST(? AS TEXT) = '' OR action = ?) AND (CAST(? AS TEXT) = '' OR who = ?)"
const wantedBy = ({ action = '', who = '' }: WantedEntries) => [action, action, who, who]

/** All entries, the latest first, some at a time: there may be more than fit into memory. None is ever changed: others come later. */
export async function* allAuditEntries(
  store: Pick<Queries, 'all'>,
  wanted: WantedEntries,
): AsyncGenerator<AuditEntry[]> {
  const [last] = await store.all<{ number: number | null }>('SELECT MAX(number) AS number FROM audit')
  for (let before = (last?.number ?? 0) + 1; ; ) {
    const rows = await store.all<AuditRow>(
      `SELECT * FROM audit WHERE ${WANTED} AND number < ? ORDER BY number DESC LIMIT ?`,
      ...[...wantedBy(wanted), before, BATCH],
    )
    if (rows.length > 0) yield rows.map(entryOf)
    if (rows.length < BATCH) return
    before = rows.at(-1)?.number ?? 0
  }
}

/** Entries, the latest first, and how many there are in all. */
export async function auditEntries(
  store: Queries,
  wanted: WantedEntries & { readonly offset?: number; readonly limit?: number },
): Promise<{ readonly total: number; readonly rows: AuditRow[] }> {
  const { offset = 0, limit = 100 } = wanted
  const filter = wantedBy(wanted)
  const [count] = await store.all<{ total: number }>(
    `SELECT COUNT(*) AS total FROM audit WHERE ${WANTED}`,
    ...filter,
  )
  const rows = await store.all<AuditRow>(
    `SELECT * FROM audit WHERE ${WANTED} ORDER BY number DESC LIMIT ? OFFSET ?`,
    ...[...filter, limit, offset],
  )
  return { total: count?.total ?? 0, rows }
}

/** What has made the audit log is written down there. */
const MIGRATIONS = 'kysely_migration'
const AUDIT_MIGRATION = '002-api'

/** Whether there must be an audit log in a database. */
export async function hasAuditLog(queries: Queries): Promise<boolean> {
  if (!(await queries.tables()).includes(MIGRATIONS)) return false
  return (await queries.all(`SELECT name FROM ${MIGRATIONS} WHERE name = ?`, AUDIT_MIGRATION)).length > 0
}

/**
 * Whether each entry has the hash that follows from it and from the one before. Others are served between two batches.
 * @param head hash that was written down at an earlier time: it must be there still
 */
export async function verifyAudit(store: Queries, head?: string): Promise<AuditState> {
  let previous = NO_HASH
  let entries = 0
  let isHeadFound = head === undefined || head === NO_HASH
  if (!(await store.tables()).includes('audit'))
    return {
      isWhole: false,
      entries,
      head: previous,
      problem: 'its table is not there: somebody has removed it',
    }
  for (;;) {
    const rows = await store.all<AuditRow>(
      'SELECT * FROM audit WHERE number > ? ORDER BY number LIMIT ?',
      ...[entries, BATCH],
    )
    for (const row of rows) {
      if (row.number !== entries + 1)
        return { isWhole: false, entries, head: previous, problem: `entry ${entries + 1} is missing` }
      if (auditHash(previous, row) !== row.hash)
        return {
          isWhole: false,
          entries,
          head: previous,
          problem: `entry ${row.number} was changed, or one before it`,
        }
      previous = row.hash
      entries = row.number
      isHeadFound ||= row.hash === head
    }
    if (rows.length < BATCH) break
    await new Promise((resolve) => setImmediate(resolve))
  }
  return isHeadFound
    ? { isWhole: true, entries, head: previous }
    : {
        isWhole: false,
        entries,
        head: previous,
        problem: 'the entry with the given hash is not there: entries were cut off or made anew',
      }
}

/** Half of a surrogate pair would come back as another letter than was hashed; PostgreSQL has no NUL in a text. */
const asStored = (text: string): string => Buffer.from(text).toString().replaceAll('\0', '\uFFFD')
