import { setImmediate } from 'node:timers/promises'
import { type Kysely, type Migration, sql } from 'kysely'

/** What the tables are in. */
export type DatabaseKind = 'sqlite' | 'postgres'

/**
 * Makes a migration for this kind of database: most are the same for both. The tables of the Python implementation are
 * made where a database is opened: on SQLite, it compares their text.
 */
export type MigrationOf = (kind: DatabaseKind) => Migration

/** Runs statements, in between of which the service manager is told of life: some take seconds with a million machines. */
export const runningEach =
  (db: Kysely<unknown>) =>
  async (text: string): Promise<void> => {
    await sql.raw(text).execute(db)
    await setImmediate()
  }
