import { sql } from 'kysely'
import type { MigrationOf } from './migration.ts'

/**
 * Of a pair of registries, in one row: the epoch, which each promotion increases; how far the database is (`generation`,
 * `number`), while it is followed; and the standby without which nothing is given, if there is one, since `since` in Unix seconds.
 */
const TABLE =
  'CREATE TABLE replication (only_row INTEGER PRIMARY KEY NOT NULL CHECK (only_row = 1), epoch INTEGER NOT NULL, generation TEXT NOT NULL, number INTEGER NOT NULL, standby TEXT, since INTEGER)'

/** What a primary and its standby must agree on. PostgreSQL has standbys of its own. */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    if (kind !== 'sqlite') return
    await sql.raw(TABLE).execute(db)
    await sql.raw("INSERT INTO replication VALUES (1, 1, '', 0, NULL, NULL)").execute(db)
  },
})
