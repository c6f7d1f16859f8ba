import { CompiledQuery, Kysely, type Migration, Migrator, PostgresDialect, SqliteDialect, sql } from 'kysely'
import pg from 'pg'
import { openDatabase } from '../../src/registry/database/database.ts'
import { migrationsFor } from '../../src/registry/database/migrations/index.ts'
import { isPostgresUrl } from '../../src/registry/database/open-store.ts'
import { PYTHON_TABLES } from '../../src/registry/database/postgres-dialect.ts'

/** A database as a registry of an earlier version has left it, or still writes to it. */
export interface EarlierDatabase extends AsyncDisposable {
  /** `$1`, `$2`, … stand for parameters. */
  run(text: string, ...parameters: readonly (string | number | null)[]): Promise<void>
}

/**
 * Makes a database with the tables of an earlier version.
 * @param last the last migration that this version knew
 */
export async function makeEarlier(place: string, last: string): Promise<EarlierDatabase> {
  const kind = isPostgresUrl(place) ? 'postgres' : 'sqlite'
  const known: Record<string, Migration> = Object.fromEntries(
    Object.entries(migrationsFor(kind)).filter(([name]) => name <= last),
  )
  const earlier = openEarlier(place)
  if (kind === 'postgres') await sql.raw(PYTHON_TABLES).execute(earlier.db)
  const migrator = new Migrator({ db: earlier.db, provider: { getMigrations: async () => known } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  return earlier
}

/** Writes to a database as a registry of an earlier version does, which knows of nothing that was added since. */
export function openEarlier(place: string): EarlierDatabase & { readonly db: Kysely<unknown> } {
  const dialect = isPostgresUrl(place)
    ? new PostgresDialect({ pool: new pg.Pool({ connectionString: place, max: 1 }) })
    : new SqliteDialect({ database: openDatabase(place) })
  const db = new Kysely<unknown>({ dialect })
  return {
    db,
    async run(text, ...parameters) {
      const own = isPostgresUrl(place) ? text : text.replace(/\$\d+/g, '?')
      await db.executeQuery(CompiledQuery.raw(own, [...parameters]))
    },
    [Symbol.asyncDispose]: () => db.destroy(),
  }
}
