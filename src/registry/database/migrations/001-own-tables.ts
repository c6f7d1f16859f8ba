import { sql } from 'kysely'
import type { MigrationOf } from './migration.ts'

/** The largest whole number that is exact here. */
const LAST = Number.MAX_SAFE_INTEGER

/** What the registry keeps beside the tables of the Python implementation, and the indexes that it looks things up by. */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    const run = (text: string) => sql.raw(text).execute(db)
    // Prefixes are compared as bytes.
    const prefix = kind === 'sqlite' ? 'TEXT' : 'TEXT COLLATE "C"'
    const integer = kind === 'sqlite' ? 'INTEGER' : 'BIGINT'
    const tables = [
      // Version 0.1.0 had these three.
      `issued (serial ${integer} PRIMARY KEY NOT NULL, prefix ${prefix} NOT NULL, date ${integer} NOT NULL)`,
      `made_token (token TEXT PRIMARY KEY NOT NULL, email TEXT NOT NULL, date ${integer} NOT NULL)`,
      `node_address (prefix ${prefix} PRIMARY KEY NOT NULL, addresses TEXT NOT NULL, date ${integer} NOT NULL)`,
      `holder (prefix ${prefix} PRIMARY KEY NOT NULL, email TEXT, serial ${integer}, subject_serial ${integer}, not_after ${integer}, reason TEXT)`,
      `reservation (prefix ${prefix} PRIMARY KEY NOT NULL, serial ${integer} NOT NULL, subject_serial ${integer} NOT NULL, date ${integer} NOT NULL)`,
      `subject_serial_gap (first ${integer} PRIMARY KEY NOT NULL, last ${integer} NOT NULL)`,
      `cert_changed (prefix ${prefix} PRIMARY KEY NOT NULL)`,
      `committed (id TEXT PRIMARY KEY NOT NULL, date ${integer} NOT NULL)`,
    ]
    for (const table of tables) await run(`CREATE TABLE IF NOT EXISTS ${table}`)
    // Lost by a crash: a node without a session says hello again.
    await run(
      `CREATE ${kind === 'sqlite' ? '' : 'UNLOGGED '}TABLE session (prefix ${prefix} PRIMARY KEY NOT NULL, state TEXT NOT NULL, date ${integer} NOT NULL)`,
    )
    const indexes = [
      'issued_prefix ON issued (prefix)',
      'issued_date ON issued (date)',
      'made_token_email ON made_token (email)',
      'holder_email ON holder (email, serial) WHERE email IS NOT NULL',
      'holder_serial ON holder (serial)',
      'holder_subject_serial ON holder (subject_serial)',
      'holder_not_after ON holder (not_after)',
      'holder_reason ON holder (prefix) WHERE reason IS NOT NULL',
      'cert_free ON cert (length(prefix), prefix) WHERE cert IS NULL',
    ]
    for (const index of indexes) await run(`CREATE INDEX IF NOT EXISTS ${index}`)
    await run(`INSERT INTO subject_serial_gap VALUES (0, ${LAST})`)
    await run('INSERT INTO cert_changed SELECT prefix FROM cert')
    if (kind === 'sqlite') await watchOthers(run)
  },
})

/** The Python implementation may have the database for a while. */
async function watchOthers(run: (text: string) => Promise<unknown>): Promise<void> {
  // OR IGNORE would not count: what a statement says of conflicts is said of its triggers, too.
  const note = (row: string) =>
    `INSERT INTO cert_changed SELECT ${row}.prefix WHERE NOT EXISTS (SELECT 1 FROM cert_changed WHERE prefix = ${row}.prefix);`
  for (const [event, notes] of [
    ['INSERT', note('NEW')],
    ['UPDATE', `${note('OLD')} ${note('NEW')}`],
    ['DELETE', note('OLD')],
  ])
    await run(`CREATE TRIGGER cert_${event?.toLowerCase()} AFTER ${event} ON cert BEGIN ${notes} END`)
}
