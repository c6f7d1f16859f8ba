import { sql } from 'kysely'
import type { MigrationOf } from './migration.ts'

/** Which version of the network's configuration each machine has asked for last; read by the newest. */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    const [prefix, integer] = kind === 'sqlite' ? ['TEXT', 'INTEGER'] : ['TEXT COLLATE "C"', 'BIGINT']
    for (const text of [
      `CREATE TABLE machine_version (prefix ${prefix} PRIMARY KEY NOT NULL, version ${integer} NOT NULL)`,
      'CREATE INDEX machine_version_newest ON machine_version (version)',
    ])
      await sql.raw(text).execute(db)
  },
})
