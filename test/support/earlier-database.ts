import Database from 'better-sqlite3'
import {
  CompiledQuery,
  Kysely,
  type Migration,
  Migrator,
  PostgresAdapter,
  PostgresDialect,
  SqliteDialect,
  sql,
} from 'kysely'
import pg from 'pg'
import { openDatabase } from '../../src/registry/database/database.ts'
import { migrationsFor } from '../../src/registry/database/migrations/index.ts'
import { isPostgresUrl } from '../../src/registry/database/open-store.ts'
import { configValues, PYTHON_TABLES } from '../../src/registry/database/postgres-dialect.ts'
import type { ConfigRowValue } from '../../src/registry/database/tables.ts'

/** A database as a registry of an earlier version has left it, or still writes to it. */
export interface EarlierDatabase extends AsyncDisposable {
  /** `$1`, `$2`, … stand for parameters. */
  run(text: string, ...parameters: readonly ConfigRowValue[]): Promise<void>
}

/**
 * Makes a database with the tables of an earlier version.
 * @param last the last migration that this version knew
 * @param file of the Python implementation's: what is in it was there before
 */
export async function makeEarlier(place: string, last: string, file?: string): Promise<EarlierDatabase> {
  const kind = isPostgresUrl(place) ? 'postgres' : 'sqlite'
  const known: Record<string, Migration> = Object.fromEntries(
    Object.entries(migrationsFor(kind)).filter(([name]) => name <= last),
  )
  const earlier = openEarlier(place)
  if (kind === 'postgres') await sql.raw(PYTHON_TABLES).execute(earlier.db)
  if (file !== undefined) await copyPythonTables(file, earlier)
  const migrator = new Migrator({ db: earlier.db, provider: { getMigrations: async () => known } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  return earlier
}

/** Only what that implementation has: a value of the configuration has no type of its own in PostgreSQL. */
async function copyPythonTables(file: string, { db, run }: ReturnType<typeof openEarlier>): Promise<void> {
  const isPostgres = db.getExecutor().adapter instanceof PostgresAdapter
  const python = new Database(file, { readonly: true })
  for (const table of ['config', 'token', 'cert', 'crl']) {
    await run(`DELETE FROM ${table}`)
    for (const row of python.prepare<[], Record<string, ConfigRowValue>>(`SELECT * FROM ${table}`).all()) {
      if (table === 'config' && isPostgres)
        row['value'] = configValues.write(String(row['name']), row['value'] ?? null)
      const values = Object.values(row)
      await run(
        `INSERT INTO ${table} VALUES (${values.map((_, index) => `$${index + 1}`).join(', ')})`,
        ...values,
      )
    }
  }
  python.close()
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
