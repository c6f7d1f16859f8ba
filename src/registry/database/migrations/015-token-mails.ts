import { sql } from 'kysely'
import type { MigrationOf } from './migration.ts'

/**
 * Mails with tokens that no server has taken yet, by address. `is_new`: the token was made for this mail. `due` is when the next attempt
 * may begin; of one that somebody makes (`sending` is not empty, and says who), until when it is theirs. Times are in milliseconds since
 * the Unix epoch.
 */
const TABLE =
  'CREATE TABLE token_mail (\n  email TEXT PRIMARY KEY NOT NULL,\n  token TEXT NOT NULL,\n  is_new INTEGER NOT NULL,\n  made INTEGER NOT NULL,\n  attempts INTEGER NOT NULL,\n  due INTEGER NOT NULL,\n  sending TEXT NOT NULL)'

/** A mail with a token that is wanted later outlives the process. */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    await sql.raw(kind === 'sqlite' ? TABLE : TABLE.replaceAll(' INTEGER', ' BIGINT')).execute(db)
  },
})
