import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { inject, onTestFinished } from 'vitest'
import { copyStore } from '../../src/registry/database/copy-store.ts'
import { readMigratedCopy } from '../../src/registry/database/migrated-copy.ts'
import { openStore } from '../../src/registry/database/open-store.ts'
import type { Store } from '../../src/registry/database/store.ts'
import { makePostgresDatabase } from './shared-postgres.ts'
import { temporaryDirectory } from './temporary-directory.ts'

/** What the databases of the project are whose tests run. */
export const DATABASE_KIND: 'SQLite' | 'PostgreSQL' =
  process.env['RE6ST_TEST_DATABASE'] === 'postgres' ? 'PostgreSQL' : 'SQLite'

interface DatabaseInit {
  /** It goes with all others after the last test, not with the one that made it: several tests share it. */
  readonly isShared?: boolean
  /** It has not even our tables: those of an earlier version come into it. */
  readonly isBare?: boolean
}

/**
 * A database of the kind that this project tests, as `--db` names it: the name of a file that is not there yet, or the URL of an
 * empty database of PostgreSQL, which is gone when the test has ended.
 */
export async function emptyDatabase({
  isShared = false,
  isBare = false,
}: DatabaseInit = {}): Promise<string> {
  if (DATABASE_KIND === 'SQLite') return join(temporaryDirectory(), 'registry.db')
  const { url, drop } = await makePostgresDatabase(inject('postgresPort'), { isBare })
  // Nobody waits for it: that the last connections are gone takes a moment.
  if (!isShared) onTestFinished(() => void drop().catch(() => {}))
  return url
}

/** An empty one, which is open, and which nobody else opens. */
export async function emptyStore(init: DatabaseInit = {}): Promise<Store> {
  return await openStore(DATABASE_KIND === 'SQLite' ? ':memory:' : await emptyDatabase(init))
}

/** One with all that is in a file of SQLite, of a registry of whatever version, or of the Python implementation's. */
export async function databaseWith(file: string, init: DatabaseInit = {}): Promise<string> {
  const database = await emptyDatabase(init)
  if (DATABASE_KIND === 'SQLite') {
    copyFileSync(file, database)
    return database
  }
  await using store = await openStore(database)
  await readMigratedCopy(file, (read) => copyStore(read, store))
  return database
}
