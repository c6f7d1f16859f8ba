import { jsonText } from '../../core/json-text.ts'
import type { CheckOptions } from '../../core/options/registry-database-options.ts'
import { hasAuditLog, verifyAudit } from '../api/audit-log.ts'
import { readAuthorityFile } from '../authority-file.ts'
import type { Queries } from '../database/queries.ts'
import { readSnapshot } from '../database/snapshot.ts'
import { type Finding, soundnessOfDatabase } from '../database/soundness.ts'

/**
 * Runs `re6st-registry check`.
 * @returns the exit status: 1 when something is wrong
 * @throws Re6stError `FILE`, `CERTIFICATE` when something cannot be read
 */
export async function runCheck({ database, ca, json }: CheckOptions): Promise<number> {
  const authority = ca === undefined ? undefined : readAuthorityFile(ca)
  const named = { database, option: '--db' } as const
  const { findings: ofNetwork, certificates } = await soundnessOfDatabase(named, authority)
  const findings = ofNetwork.length > 0 ? ofNetwork : await readSnapshot(named, auditFindings)
  const isSound = findings.length === 0
  process.stdout.write(
    json
      ? jsonText({ findings, certificates: isSound ? certificates : undefined })
      : isSound
        ? `sound: ${certificates} certificates\n`
        : findings.map(({ what, remedy }) => `${what}: ${remedy}\n`).join(''),
  )
  return isSound ? 0 : 1
}

/** No reason not to restore a backup: the network does not depend on the audit log. */
async function auditFindings(snapshot: Queries): Promise<Finding[]> {
  if (!(await hasAuditLog(snapshot))) return []
  const state = await verifyAudit(snapshot)
  return state.isWhole
    ? []
    : [
        {
          what: `the audit log is not whole: ${state.problem}`,
          remedy: 'find out who could write to the database; certificates are not concerned',
        },
      ]
}
