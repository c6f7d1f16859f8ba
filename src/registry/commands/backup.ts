import { Re6stError } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { CopyOptions } from '../../core/options/registry-database-options.ts'
import { Beside } from '../database/beside.ts'
import { insistOnCopy, markBackup } from '../database/copy.ts'
import { copyStore, isUsed } from '../database/copy-store.ts'
import { refuseLaterVersion } from '../database/migrations/migrate.ts'
import { isPostgresUrl, openStore } from '../database/open-store.ts'
import { withoutPassword } from '../database/postgres-servers.ts'
import type { Queries } from '../database/queries.ts'
import { openExisting, readSnapshot } from '../database/snapshot.ts'
import { reasonForOperator } from '../refusal.ts'
import { endLog } from './end-log.ts'

/**
 * Runs `re6st-registry backup`.
 * @returns the exit status
 * @throws Re6stError `FILE` when it cannot be read or written: what was there is there still
 */
export async function runBackup({ database, file, json }: CopyOptions): Promise<number> {
  const certificates = await backUp(database, file)
  process.stdout.write(json ? jsonText({ file, certificates }) : `${file}: ${certificates} certificates\n`)
  return 0
}

/**
 * Copies a database into a file of SQLite as a whole or not at all, as it is at one moment.
 * @returns how many certificates are in it
 * @throws Re6stError `FILE`
 */
export async function backUp(database: string, file: string): Promise<number> {
  const named = { database, option: '--db' } as const
  insistOnCopy(database, file)
  using beside = Beside.of(file)
  // Another process may have put something there.
  insistOnCopy(database, file)
  if (isPostgresUrl(database))
    await readSnapshot(named, async (snapshot) => {
      await refuseLaterVersion(snapshot, `${withoutPassword(database)}: there is no backup of it`)
      await written(file, () => copyOut(snapshot, beside))
    })
  else {
    const opened = openExisting(named)
    try {
      await written(file, async () => beside.copy(opened))
    } finally {
      opened.close()
    }
  }
  await written(file, () => putBackupInPlace(file, beside))
  // Of the copy: to count a million, a server may take longer than an answer of it is waited for.
  return readSnapshot({ database: file, option: '' }, certificatesIn)
}

/** Of another kind of database, row by row. */
async function copyOut(snapshot: Queries, beside: Beside): Promise<void> {
  beside.makeFile()
  {
    await using store = await openStore(beside.path)
    await copyStore(snapshot, store)
  }
  endLog(beside.path)
}

/** A database that was emptied, or the wrong one, is noticed when its backup is wanted: what was there is wanted then. */
async function putBackupInPlace(file: string, beside: Beside): Promise<void> {
  if (!(await hasNetwork(beside.path)) && (await hasNetwork(file)))
    throw new Re6stError(
      'FILE',
      'there is no network in the database, but in the backup that is there: see --db, or give another name',
    )
  markBackup(beside.path)
  beside.putInPlace()
}

/** Of what cannot be read as a database, false. */
const hasNetwork = (file: string): Promise<boolean> =>
  readSnapshot({ database: file, option: '' }, isUsed).catch(() => false)

async function written(file: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    throw new Re6stError('FILE', `${file}: the backup cannot be written: ${reasonForOperator(error)}`, {
      cause: error,
    })
  }
}

async function certificatesIn(queries: Queries): Promise<number> {
  const [count] = await queries.all<{ n: number }>(
    "SELECT COUNT(*) AS n FROM cert WHERE cert IS NOT NULL AND cert <> 'reserved'",
  )
  return count?.n ?? 0
}
