import { sql } from 'kysely'
import type { MigrationOf } from './migration.ts'

/**
 * Messages to webhooks that no server has taken yet, in the order of their numbers. `target` is a hash of the URL, which may have a
 * secret in it; `due` is when the next attempt may begin, in milliseconds since the Unix epoch.
 */
const TABLE =
  'CREATE TABLE webhook_message (\n  number INTEGER PRIMARY KEY NOT NULL,\n  id TEXT NOT NULL,\n  target TEXT NOT NULL,\n  body TEXT NOT NULL,\n  made INTEGER NOT NULL,\n  attempts INTEGER NOT NULL,\n  due INTEGER NOT NULL)'

/** What waits for a webhook outlives the process. */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    await sql.raw(kind === 'sqlite' ? TABLE : TABLE.replaceAll(' INTEGER', ' BIGINT')).execute(db)
  },
})
