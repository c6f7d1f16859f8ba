import { LISTING_POSTGRES, LISTING_SQLITE } from './listing-triggers.ts'
import { type MigrationOf, runningEach } from './migration.ts'

/** By which pages are read in their order, and who is behind is found. */
const INDEXES: readonly string[] = [
  'listed_seen ON listed_machine (seen, prefix)',
  'listed_country ON listed_machine (country, prefix)',
  'listed_follower ON listed_machine (version, prefix)',
  'listed_ever ON listed_machine (prefix) WHERE seen > 0',
  'listed_unlocated ON listed_machine (prefix) WHERE is_located = 0',
]

/**
 * What machines are listed by beside what their certificates say, of all that can be used: `seen`, when in Unix seconds (0: never);
 * `country` of the address that is written down ('': not known), which is to be looked up where `is_located` is 0; `version` of the
 * configuration that a machine has asked for (-1: none), and how many have each. Triggers keep all of it: a registry of an earlier
 * version, which still runs with the same database, knows of none.
 *
 * `word_due`: texts, the present one and perhaps one of before, of which a registry that knows of no `search_word` has kept no words.
 */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    const run = runningEach(db)
    const isSqlite = kind === 'sqlite'
    const [text, integer] = isSqlite ? ['TEXT', 'INTEGER'] : ['TEXT COLLATE "C"', 'BIGINT']
    await run(
      `CREATE TABLE listed_machine (prefix ${text} PRIMARY KEY NOT NULL, seen ${integer} NOT NULL, country ${text} NOT NULL, is_located ${integer} NOT NULL, version ${integer} NOT NULL)${isSqlite ? ' WITHOUT ROWID' : ''}`,
    )
    await run(`CREATE TABLE listed_version (version ${integer} PRIMARY KEY NOT NULL, n ${integer} NOT NULL)`)
    await run(
      `INSERT INTO listed_machine SELECT holder.prefix, COALESCE(node_address.date, 0), '', CASE WHEN node_address.prefix IS NULL THEN 1 ELSE 0 END, COALESCE(machine_version.version, -1) FROM holder LEFT JOIN node_address ON node_address.prefix = holder.prefix LEFT JOIN machine_version ON machine_version.prefix = holder.prefix WHERE holder.reason IS NULL ORDER BY holder.prefix`,
    )
    await run('INSERT INTO listed_version SELECT version, COUNT(*) FROM listed_machine GROUP BY version')
    for (const index of INDEXES) await run(`CREATE INDEX ${index}`)
    await run(`CREATE TABLE word_due (prefix ${text} NOT NULL, kind ${text} NOT NULL, text ${text} NOT NULL)`)
    await run('CREATE INDEX word_due_prefix ON word_due (prefix)')
    if (!isSqlite) {
      // Of those that were added since words are kept.
      await run(
        "INSERT INTO word_due SELECT prefix, 'email', '' FROM holder WHERE email IS NOT NULL AND reason IS NULL AND NOT EXISTS (SELECT 1 FROM search_word WHERE search_word.prefix = holder.prefix AND search_word.kind = 'email')",
      )
      // The server looks at them by itself, but later than the first page is asked for.
      await run('ANALYZE listed_machine')
    }
    for (const trigger of isSqlite ? LISTING_SQLITE : LISTING_POSTGRES) await run(trigger)
  },
})
