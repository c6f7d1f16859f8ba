import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { inject, onTestFinished, vi } from 'vitest'
import type { Clock } from '../../src/platform/clock.ts'
import { copyStore } from '../../src/registry/database/copy-store.ts'
import type { SqlValue } from '../../src/registry/database/engine.ts'
import { readMigratedCopy } from '../../src/registry/database/migrated-copy.ts'
import { isPostgresUrl, openStore } from '../../src/registry/database/open-store.ts'
import { Queries } from '../../src/registry/database/queries.ts'
import { readSnapshot } from '../../src/registry/database/snapshot.ts'
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

/** Rows of a database, whoever serves with it. */
export async function rowsIn<Row>(
  database: string,
  sql: string,
  ...parameters: readonly SqlValue[]
): Promise<Row[]> {
  return await readSnapshot({ database, option: '--db' }, (snapshot) => snapshot.all<Row>(sql, ...parameters))
}

/** Changes a database as an operator does who knows what is in it. */
export async function changeIn(database: string, ...statements: readonly string[]): Promise<void> {
  await using store = await openStore(database)
  await store.write(async (writable) => {
    for (const statement of statements) await writable.run(statement)
  })
}

/**
 * From now on, certain changes are refused as on a full disk.
 * @param event such as `BEFORE INSERT ON token`
 * @returns what makes an end of that
 */
export async function refuseChanges(database: string, event: string): Promise<() => Promise<void>> {
  const reason = 'the disk is full'
  if (isPostgresUrl(database))
    await changeIn(
      database,
      `CREATE OR REPLACE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION '${reason}'; END$$`,
      `CREATE TRIGGER refused ${event} FOR EACH ROW EXECUTE FUNCTION refused()`,
    )
  else await changeIn(database, `CREATE TRIGGER refused ${event} BEGIN SELECT RAISE(ABORT, '${reason}'); END`)
  const [, table = ''] = / ON (\w+)$/.exec(event) ?? []
  return () => changeIn(database, `DROP TRIGGER refused${isPostgresUrl(database) ? ` ON ${table}` : ''}`)
}

/** From now on until the end of the test, its databases have this time: that of a server does not stand still. */
export function holdDatabaseClock(clock: Pick<Clock, 'now'>): void {
  vi.spyOn(Queries.prototype, 'commonTimeMs').mockImplementation(async () => clock.now())
}
