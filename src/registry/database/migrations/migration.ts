import type { Migration } from 'kysely'

/** What the tables are in. */
export type DatabaseKind = 'sqlite' | 'postgres'

/**
 * Makes a migration for this kind of database: most are the same for both. The tables of the Python implementation are
 * made where a database is opened: on SQLite, it compares their text.
 */
export type MigrationOf = (kind: DatabaseKind) => Migration
