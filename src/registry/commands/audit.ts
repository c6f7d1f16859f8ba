import { jsonText } from '../../core/json-text.ts'
import type { AuditOptions } from '../../core/options/registry-admin-options.ts'
import { auditEntries, detailOf, timeOfEntry, verifyAudit } from '../api/audit-log.ts'
import { openOwnDatabase } from './own-database.ts'

/** Entries that are printed. */
const MAX_ENTRIES = 1_000

/**
 * Runs `re6st-registry audit`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runAudit(options: AuditOptions): Promise<number> {
  await using store = await openOwnDatabase(options.database)
  const print = (value: unknown, text: string) => process.stdout.write(options.json ? jsonText(value) : text)
  if (options.action === 'verify') {
    const state = await verifyAudit(store, options.head)
    print(
      state,
      state.isWhole
        ? `the audit log is whole: ${state.entries} entries, the last is ${state.head}\n`
        : `the audit log is NOT whole: ${state.problem}\n`,
    )
    return state.isWhole ? 0 : 1
  }
  const { rows } = await auditEntries(store, { limit: MAX_ENTRIES })
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
