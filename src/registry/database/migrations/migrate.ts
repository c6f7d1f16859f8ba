import type { Database } from 'better-sqlite3'
import { Kysely, Migrator, SqliteDialect } from 'kysely'
import { messageOf, Re6stError } from '../../../core/errors.ts'
import type { Queries } from '../queries.ts'
import { MIGRATION_NAMES, migrationsFor } from './index.ts'
import type { DatabaseKind } from './migration.ts'

/** How long another process may take that is making them at the moment. */
const WAIT_MS = 60_000

/**
 * Makes our own tables: all that are missing, or none. kysely has no transaction for SQLite: what a crash cut off in the middle of a
 * migration could not be made again.
 */
export async function migrateSqlite(database: Database): Promise<void> {
  if (hasAll(database)) return
  const patience = database.pragma('busy_timeout', { simple: true }) as number
  database.pragma(`busy_timeout = ${WAIT_MS}`)
  try {
    database.exec('BEGIN IMMEDIATE')
    // Not to be destroyed: that would close the database.
    await migrate(new Kysely({ dialect: new SqliteDialect({ database }) }), 'sqlite')
    database.exec('COMMIT')
  } finally {
    if (database.inTransaction) database.exec('ROLLBACK')
    database.pragma(`busy_timeout = ${patience}`)
  }
}

/** Without a lock: a registry may be writing. */
function hasAll(database: Database): boolean {
  const table = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?")
  if (table.get('kysely_migration') === undefined) return false
  const made = database.prepare<[], string>('SELECT name FROM kysely_migration ORDER BY name').pluck().all()
  return made.join() === MIGRATION_NAMES.join()
}

/** Applies the migrations that are missing, on PostgreSQL all of them in one transaction. @throws what made one fail */
export async function migrate(db: Kysely<unknown>, kind: DatabaseKind): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrationsFor(kind) } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw ofLaterVersion(error) ?? error
}

/** kysely calls it corrupted. */
function ofLaterVersion(error: unknown): Error | undefined {
  const [, name] = /previously executed migration (\S+) is missing/.exec(messageOf(error)) ?? []
  return name === undefined ? undefined : new Error(laterVersion(name), { cause: error })
}

/** What to do with a database in which a migration was made that this version does not know. */
const laterVersion = (migration: string): string =>
  `a later version of re6stnet has made tables in it (${migration}): install that version`

/** What a later version has added would be lost in a copy. @throws Re6stError `FILE`, which says that `what` is not done */
export async function refuseLaterVersion(queries: Queries, what: string): Promise<void> {
  const later = await laterMigration(queries)
  if (later !== undefined) throw new Re6stError('FILE', `${what}: ${laterVersion(later)}`)
}

/** A migration that this version does not know, and that was made in a database; undefined: there is none. */
async function laterMigration(queries: Queries): Promise<string | undefined> {
  if (!(await queries.tables()).includes('kysely_migration')) return undefined
  const made = await queries.all<{ name: string }>('SELECT name FROM kysely_migration ORDER BY name')
  return made.find(({ name }) => !MIGRATION_NAMES.includes(name))?.name
}
