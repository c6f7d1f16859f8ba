import { sql } from 'kysely'
import type { MigrationOf } from './migration.ts'

/**
 * Indexes by which a page of the table of machines is read in its order. Each ends with the prefix: many certificates may
 * end in the same second, and nothing may be on two pages or on none.
 */
const INDEXES: readonly string[] = [
  'holder_page_not_after ON holder (not_after, prefix) WHERE reason IS NULL',
  "holder_page_email ON holder ((COALESCE(email, '')), prefix) WHERE reason IS NULL",
]

/** Pages of the table of machines by end and by e-mail address. */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    // In the order of SQLite, whatever the language of the database.
    if (kind === 'postgres')
      await sql.raw('ALTER TABLE holder ALTER COLUMN email TYPE TEXT COLLATE "C"').execute(db)
    for (const index of INDEXES) await sql.raw(`CREATE INDEX IF NOT EXISTS ${index}`).execute(db)
  },
})
