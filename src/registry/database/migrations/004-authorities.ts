import { sql } from 'kysely'
import type { MigrationOf } from './migration.ts'

/**
 * Certificates of the authority that were served here, by SHA-256 in hexadecimal, since when, and until when they are valid; and which
 * of them each machine has, as it said or as it was enrolled with. Dates are in Unix seconds.
 */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    const prefix = kind === 'sqlite' ? 'TEXT' : 'TEXT COLLATE "C"'
    const integer = kind === 'sqlite' ? 'INTEGER' : 'BIGINT'
    for (const table of [
      `authority (fingerprint TEXT PRIMARY KEY NOT NULL, since ${integer} NOT NULL, not_after ${integer} NOT NULL)`,
      `machine_authority (prefix ${prefix} PRIMARY KEY NOT NULL, fingerprint TEXT NOT NULL)`,
    ])
      await sql.raw(`CREATE TABLE ${table}`).execute(db)
  },
})
