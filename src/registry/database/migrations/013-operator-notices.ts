import { sql } from 'kysely'
import type { MigrationOf } from './migration.ts'

/** What operators were told, or are to be told, by the name of an event: JSON. None is told by two processes, or twice by one that was started again. */
export const migration: MigrationOf = () => ({
  async up(db) {
    await sql
      .raw('CREATE TABLE operator_notice (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL)')
      .execute(db)
  },
})
