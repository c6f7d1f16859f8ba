import type { Authority } from '../../core/crypto/certificate.ts'
import { Re6stError } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { ImportOptions } from '../../core/options/registry-database-options.ts'
import { audit } from '../api/audit-log.ts'
import { readAuthorityFile } from '../authority-file.ts'
import { copyStore } from '../database/copy-store.ts'
import { readMigratedCopy } from '../database/migrated-copy.ts'
import { refuseLaterVersion } from '../database/migrations/migrate.ts'
import { isPostgresUrl, openStore } from '../database/open-store.ts'
import { makeOwnDirectory } from '../database/own-directory.ts'
import { withoutPassword } from '../database/postgres-servers.ts'
import type { Queries } from '../database/queries.ts'
import { readSnapshot } from '../database/snapshot.ts'
import { type Soundness, soundnessOf, soundnessOfDatabase } from '../database/soundness.ts'
import { reasonForOperator } from '../refusal.ts'
import { commandActor } from './own-database.ts'

/**
 * Runs `re6st-registry import`.
 * @returns the exit status: 1 when something is wrong in what was imported
 * @throws Re6stError when the source is not sound, or the database is not empty or cannot be written: nothing is written then
 */
export async function runImport({ database, source, ca, json }: ImportOptions): Promise<number> {
  const authority = ca === undefined ? undefined : readAuthorityFile(ca)
  const [from, to] = [source, database].map(withoutPassword)
  await readSource(source, authority, async (read) => {
    makeOwnDirectory(database)
    await using written = await openStore(database)
    const action = { action: 'database.imported', detail: { from: from ?? '' } } as const
    await copyStore(read, written, (writable) => audit(writable, commandActor(), action, Date.now())).catch(
      (error: unknown) => {
        const code = error instanceof Re6stError ? error.code : 'FILE'
        throw new Re6stError(code, `--db ${to}: is not written: ${reasonForOperator(error)}`, {
          cause: error,
        })
      },
    )
  })
  const { findings, certificates } = await soundnessOfDatabase({ database, option: '--db' }, authority)
  process.stdout.write(
    json
      ? jsonText({ from, to, certificates, findings })
      : `${to}: ${certificates} certificates, all that was in ${from}. Certificates that are given by a registry that still runs with that are not in it: stop it, before you start one with this.
${findings.map(({ what, remedy }) => `${what}: ${remedy}\n`).join('')}`,
  )
  return findings.length > 0 ? 1 : 0
}

/** What is to be read, which is not changed. @throws Re6stError `FILE` when it is not sound */
async function readSource(
  source: string,
  authority: Authority | undefined,
  read: (from: Queries) => Promise<void>,
): Promise<void> {
  const named = { database: source, option: '' } as const
  if (isPostgresUrl(source))
    return readSnapshot(named, async (snapshot) => {
      await refuseLaterVersion(snapshot, `${withoutPassword(source)}: is not imported`)
      refuseUnsound(source, await soundnessOf(snapshot, authority))
      await read(snapshot)
    })
  refuseUnsound(source, await soundnessOfDatabase(named, authority))
  await readMigratedCopy(source, read)
}

function refuseUnsound(source: string, { findings: [finding] }: Soundness): void {
  if (finding) throw new Re6stError('FILE', `${withoutPassword(source)}: is not imported: ${finding.what}`)
}
