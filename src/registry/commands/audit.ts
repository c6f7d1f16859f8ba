import { Re6stError } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { AuditOptions } from '../../core/options/registry-admin-options.ts'
import { allAuditEntries, hasAuditLog, verifyAudit } from '../api/audit-log.ts'
import type { AuditEntry } from '../api/schemas/audit.ts'
import { isPostgresUrl } from '../database/open-store.ts'
import { withoutPassword } from '../database/postgres-servers.ts'
import type { Queries } from '../database/queries.ts'
import { readSnapshot } from '../database/snapshot.ts'
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
  const text = options.json ? longJson() : longTable(HEAD, rowOf)
  for await (const entries of allAuditEntries(snapshot, { action: options.done, who: options.who }))
    await printLong(text.next(entries))
  await printLong(text.end())
  return 0
}

const HEAD = ['NUMBER', 'TIME', 'WHO', 'ACTION', 'TO WHAT', 'DETAIL']

const rowOf = ({ number, at, who, from, action, subject = '', detail }: AuditEntry) => [
  ...[String(number), at, from === undefined ? who : `${who} from ${from}`, action, subject],
  Object.keys(detail).length === 0 ? '' : JSON.stringify(detail),
]
