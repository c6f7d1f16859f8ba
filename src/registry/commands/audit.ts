import { Re6stError } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { AuditOptions } from '../../core/options/registry-admin-options.ts'
import { auditEntries, detailOf, hasAuditLog, timeOfEntry, verifyAudit } from '../api/audit-log.ts'
import { isPostgresUrl } from '../database/open-store.ts'
import { withoutPassword } from '../database/postgres-servers.ts'
import type { Queries } from '../database/queries.ts'
import { readSnapshot } from '../database/snapshot.ts'
import { refuseStandby } from './own-database.ts'

/** Entries that are printed. */
const MAX_ENTRIES = 1_000

/**
 * Runs `re6st-registry audit`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runAudit(options: AuditOptions): Promise<number> {
  const { database } = options
  if (!isPostgresUrl(database)) refuseStandby(database)
  return readSnapshot({ database, option: '--db' }, async (snapshot) => {
    if (!(await hasAuditLog(snapshot)))
      throw new Re6stError(
        'NOT_FOUND',
        `--db ${withoutPassword(database)}: there is no audit log: no registry of ours has served with it, or one of a version that had none`,
      )
    return printAudit(snapshot, options)
  })
}

/** What is looked at is not changed: it may be the database of another implementation. */
async function printAudit(snapshot: Queries, options: AuditOptions): Promise<number> {
  const print = (value: unknown, text: string) => process.stdout.write(options.json ? jsonText(value) : text)
  if (options.action === 'verify') {
    const state = await verifyAudit(snapshot, options.head)
    print(
      state,
      state.isWhole
        ? `the audit log is whole: ${state.entries} entries, the last is ${state.head}\n`
        : `the audit log is NOT whole: ${state.problem}\n`,
    )
    return state.isWhole ? 0 : 1
  }
  const { rows } = await auditEntries(snapshot, { limit: MAX_ENTRIES })
  const entries = rows.map(({ date, detail, ...rest }) => ({
    ...rest,
    at: timeOfEntry(date),
    detail: detailOf(detail),
  }))
  // As JSON, what somebody has typed cannot steer a terminal.
  const line = ({ number, at, who, action, subject, detail }: (typeof entries)[number]) =>
    `${number}  ${at}  ${[who, action, subject ?? '', detail].map((part) => JSON.stringify(part)).join('  ')}\n`
  print(entries, entries.map(line).join(''))
  return 0
}
