import { Re6stError } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { AuditOptions } from '../../core/options/registry-admin-options.ts'
import { allAuditEntries, hasAuditLog, verifyAudit } from '../api/audit-log.ts'
import type { AuditEntry } from '../api/schemas/audit.ts'
import { isPostgresUrl } from '../database/open-store.ts'
import { withoutPassword } from '../database/postgres-servers.ts'
import type { Queries } from '../database/queries.ts'
import { openToRead, type ReadDatabase } from '../database/snapshot.ts'
import { longJson, longTable, printLong } from './long-output.ts'
import { refuseStandby } from './own-database.ts'

/**
 * Runs `re6st-registry audit`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runAudit(options: AuditOptions): Promise<number> {
  const { database } = options
  if (!isPostgresUrl(database)) refuseStandby(database)
  await using log = await openToRead({ database, option: '--db' })
  if (!(await log.snapshot(hasAuditLog)))
    throw new Re6stError(
      'NOT_FOUND',
      `--db ${withoutPassword(database)}: there is no audit log: no registry of ours has served with it, or one of a version that had none`,
    )
  return await (options.action === 'verify' ? verify(log, options) : list(log, options))
}

/** What is looked at is not changed: it may be the database of another implementation. */
async function verify(log: ReadDatabase, { json, head }: AuditOptions): Promise<number> {
  const state = await log.snapshot((snapshot) => verifyAudit(snapshot, head))
  const text = state.isWhole
    ? `the audit log is whole: ${state.entries} entries, the last is ${state.head}\n`
    : `the audit log is NOT whole: ${state.problem}\n`
  process.stdout.write(json ? jsonText(state) : text)
  return state.isWhole ? 0 : 1
}

/** Whoever reads it may take an hour: the database is held for none of it. */
async function list(log: ReadDatabase, { json, done: action, who }: AuditOptions): Promise<number> {
  const text = json ? longJson() : longTable(HEAD, rowOf)
  const each: Pick<Queries, 'all'> = {
    all: (sql, ...parameters) => log.snapshot((snapshot) => snapshot.all(sql, ...parameters)),
  }
  for await (const entries of allAuditEntries(each, { action, who })) await printLong(text.next(entries))
  await printLong(text.end())
  return 0
}

const HEAD = ['NUMBER', 'TIME', 'WHO', 'ACTION', 'TO WHAT', 'DETAIL']

const rowOf = ({ number, at, who, from, action, subject = '', detail }: AuditEntry) => [
  ...[String(number), at, from === undefined ? who : `${who} from ${from}`, action, subject],
  Object.keys(detail).length === 0 ? '' : JSON.stringify(detail),
]
