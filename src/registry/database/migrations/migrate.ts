import type { Database } from 'better-sqlite3'
import { Kysely, Migrator, SqliteDialect } from 'kysely'
import { migrationsFor } from './index.ts'
import type { DatabaseKind } from './migration.ts'

/** Makes our own tables. */
export const migrateSqlite = (database: Database): Promise<void> =>
  // Not to be destroyed: that would close the database.
  migrate(new Kysely({ dialect: new SqliteDialect({ database }) }), 'sqlite')

/** Applies the migrations that are missing, each whole or not at all. @throws what made one fail */
export async function migrate(db: Kysely<unknown>, kind: DatabaseKind): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrationsFor(kind) } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}
