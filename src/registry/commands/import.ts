import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Authority } from '../../core/crypto/certificate.ts'
import { messageOf, Re6stError } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { ImportOptions } from '../../core/options/registry-database-options.ts'
import { CleanUp } from '../../platform/clean-up.ts'
import { readAuthorityFile } from '../authority-file.ts'
import { copyTo } from '../database/copy.ts'
import { copyStore } from '../database/copy-store.ts'
import { isPostgresUrl, openStore } from '../database/open-store.ts'
import { withoutPassword } from '../database/postgres-servers.ts'
import { type Finding, findingsIn } from '../database/soundness.ts'
import type { Store } from '../database/store.ts'
import { openExisting } from './database.ts'

/**
 * Runs `re6st-registry import`.
 * @returns the exit status: 1 when something is wrong in what was imported
 * @throws Re6stError when the source is not sound, or the database is not empty or cannot be written: nothing is written then
 */
export async function runImport({ database, source, ca, json }: ImportOptions): Promise<number> {
  const authority = ca === undefined ? undefined : readAuthorityFile(ca)
  const [from, to] = [source, database].map(withoutPassword)
  await using stack = new CleanUp()
  const read = await openSource(source, authority, stack)
  let certificates: number
  {
    await using written = await openStore(database)
    await copyStore(read, written).catch((error: unknown) => {
      const code = error instanceof Re6stError ? error.code : 'FILE'
      throw new Re6stError(code, `--db ${to}: is not written: ${messageOf(error)}`, { cause: error })
    })
    certificates = await certificatesOf(written)
  }
  // A file that was read was checked before; a server cannot be.
  const findings = isPostgresUrl(database) ? [] : findingsOf(database, authority)
  process.stdout.write(
    json
      ? jsonText({ from, to, certificates, findings })
      : `${to}: ${certificates} certificates, all that was in ${from}. Certificates that are given by a registry that still runs with that are not in it: stop it, before you start one with this.
${findings.map(({ what, remedy }) => `${what}: ${remedy}\n`).join('')}`,
  )
  return findings.length > 0 ? 1 : 0
}

/** What is to be read; a file is not changed. */
async function openSource(source: string, authority: Authority | undefined, stack: CleanUp): Promise<Store> {
  if (isPostgresUrl(source)) return stack.use(await openStore(source))
  using file = openExisting('', source)
  const [finding] = findingsIn(file.opened, authority)
  if (finding) throw new Re6stError('FILE', `${source}: is not imported: ${finding.what}`)
  const directory = await mkdtemp(join(tmpdir(), 're6st-import-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  // Our own tables are made in a copy.
  const copy = join(directory, 'registry.db')
  copyTo(file.opened, copy)
  return stack.use(await openStore(copy))
}

function findingsOf(path: string, authority: Authority | undefined): Finding[] {
  using file = openExisting('--db', path)
  return findingsIn(file.opened, authority)
}

async function certificatesOf(store: Store): Promise<number> {
  const [count] = await store.all<{ n: number }>(
    "SELECT COUNT(*) AS n FROM cert WHERE cert IS NOT NULL AND cert <> 'reserved'",
  )
  return count?.n ?? 0
}
