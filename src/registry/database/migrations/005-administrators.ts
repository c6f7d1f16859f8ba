import { sql } from 'kysely'
import type { MigrationOf } from './migration.ts'

/** An administrator may be disabled, `disabled` is 1 then: who has it and what it may do stays known. */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    const type = kind === 'sqlite' ? 'INTEGER' : 'BIGINT'
    await sql.raw(`ALTER TABLE admin ADD COLUMN disabled ${type} NOT NULL DEFAULT 0`).execute(db)
  },
})
