import { sql } from 'kysely'
import type { MigrationOf } from './migration.ts'

/** Certificates for a token whose answers were not sent yet, or never: since `date`, in Unix seconds. */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    const [text, integer] = kind === 'sqlite' ? ['TEXT', 'INTEGER'] : ['TEXT COLLATE "C"', 'BIGINT']
    await sql
      .raw(
        `CREATE TABLE unheard_certificate (token ${text} NOT NULL, prefix ${text} NOT NULL, serial ${integer} NOT NULL, date ${integer} NOT NULL, PRIMARY KEY (token, prefix))`,
      )
      .execute(db)
  },
})
