import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import { messageOf, Re6stError } from '../../core/errors.ts'

/** The Python implementation compares the text of these definitions, and must be able to go back to this database. */
const SCHEMA = {
  config: 'CREATE TABLE config (\n  name TEXT PRIMARY KEY NOT NULL,\n  value)',
  token:
    'CREATE TABLE token (\n  token TEXT PRIMARY KEY NOT NULL,\n  email TEXT NOT NULL,\n  prefix_len INTEGER NOT NULL,\n  date INTEGER NOT NULL)',
  cert: 'CREATE TABLE cert (\n  prefix TEXT PRIMARY KEY NOT NULL,\n  email TEXT,\n  cert TEXT)',
  crl: 'CREATE TABLE crl (\n  serial INTEGER PRIMARY KEY NOT NULL,\n  date INTEGER NOT NULL)',
} as const

/** Kept in SQLite's `user_version`, which the Python implementation ignores: says that the database is already ours. */
const OUR_VERSION = 1

/** A row of the table `cert`: `cert` is null for a free prefix, `reserved` for one that can never be used. */
export interface CertificateRow {
  readonly prefix: string
  readonly email: string | null
  readonly cert: string | null
}

/** Value of `cert` of a prefix that is no address. */
export const RESERVED = 'reserved'

/** A row of the table `token`; `date` in Unix seconds. */
export interface TokenRow {
  readonly token: string
  readonly email: string
  readonly prefix_len: number
  readonly date: number
}

/** A value in the table `config`. */
export type ConfigRowValue = string | number | Buffer | null

/**
 * Opens `registry.db`, and makes it if there is none. One that was not ours yet is copied first, as
 * `<path>.before-takeover`.
 * @throws Re6stError `FILE` when it is no registry's database, or cannot be written
 */
export function openDatabase(path: string): Database.Database {
  let database: Database.Database | undefined
  try {
    database = new Database(path)
    // Nobody is answered meanwhile. Whoever reads locks nothing.
    database.pragma('busy_timeout = 1000')
    takeOver(database, path)
    // Readers and the one writer do not wait for each other; what was acknowledged survives a power cut.
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    return database
  } catch (error) {
    database?.close()
    throw error instanceof Re6stError
      ? error
      : new Re6stError('FILE', `--db ${path}: ${messageOf(error)}`, { cause: error })
  }
}

function takeOver(database: Database.Database, path: string): void {
  const tables = new Map(
    database
      .prepare<[], { name: string; sql: string }>("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
      .all()
      .map(({ name, sql }) => [name, sql]),
  )
  for (const [name, sql] of Object.entries(SCHEMA))
    if (tables.has(name) && tables.get(name) !== sql)
      throw new Re6stError(
        'FILE',
        `--db ${path}: its table ${name} is not a registry's: give another file, or a copy from before it was changed`,
      )
  const isOurs = database.pragma('user_version', { simple: true }) === OUR_VERSION
  const copy = `${path}.before-takeover`
  if (tables.has('cert') && !isOurs && !existsSync(copy)) copyTo(database, copy)
  database
    .transaction(() => {
      for (const [name, sql] of Object.entries(SCHEMA)) if (!tables.has(name)) database.exec(sql)
      database.prepare("INSERT INTO cert SELECT '', NULL, NULL WHERE NOT EXISTS (SELECT 1 FROM cert)").run()
      database.pragma(`user_version = ${OUR_VERSION}`)
    })
    .immediate()
}

/** Copies a database as a whole or not at all: a copy that a crash cut off would be taken for one. */
function copyTo(database: Database.Database, copy: string): void {
  const temporary = `${copy}.new`
  rmSync(temporary, { force: true })
  database.prepare('VACUUM INTO ?').run(temporary)
  const file = openSync(temporary, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, copy)
}
