import { setImmediate } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { searchWordsOf } from '../../../core/values/search-words.ts'
import type { MigrationOf } from './migration.ts'

/** Texts that are read at a time. */
const TEXTS = 1_000
/** Words that are written at a time: a text may have many, and a statement of SQLite 32,766 parameters (sqlite.org/limits.html, 9). */
const WORDS = 5_000

/** Where texts are that machines are searched by. */
const SOURCES = [
  { kind: 'email', from: 'holder', column: 'email' },
  { kind: 'name', from: 'machine', column: 'name' },
] as const

/**
 * What e-mail addresses and names of machines are found by, `searchWordsOf` them: to look through a million takes too long, and neither
 * database has an index for a part of a text that the other has, too.
 */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    const run = (text: string) => sql.raw(text).execute(db)
    const text = kind === 'sqlite' ? 'TEXT' : 'TEXT COLLATE "C"'
    const columns = `word ${text} NOT NULL, prefix ${text} NOT NULL, kind ${text} NOT NULL`
    await run(
      `CREATE TABLE search_word (${columns}, PRIMARY KEY (word, prefix, kind))${kind === 'sqlite' ? ' WITHOUT ROWID' : ''}`,
    )
    // Written in their order: else each would change another page. For temporary tables PostgreSQL may want another right.
    await run(`CREATE ${kind === 'sqlite' ? 'TEMPORARY' : 'UNLOGGED'} TABLE unsorted_word (${columns})`)
    for (const source of SOURCES) await gather(db, source)
    await run('INSERT INTO search_word SELECT * FROM unsorted_word ORDER BY word, prefix, kind')
    await run('DROP TABLE unsorted_word')
  },
})

async function gather(db: Kysely<unknown>, { kind, from, column }: (typeof SOURCES)[number]): Promise<void> {
  for (let last = ''; ; ) {
    const { rows } = await sql<{ prefix: string; text: string }>`
      SELECT prefix, ${sql.ref(column)} AS text FROM ${sql.table(from)}
      WHERE ${sql.ref(column)} IS NOT NULL AND prefix > ${last} ORDER BY prefix LIMIT ${sql.lit(TEXTS)}`.execute(
      db,
    )
    const end = rows.at(-1)
    if (!end) return
    const words = rows.flatMap(({ prefix, text }) =>
      searchWordsOf(text).map((word) => sql`(${word}, ${prefix}, ${kind})`),
    )
    for (let at = 0; at < words.length; at += WORDS)
      await sql`INSERT INTO unsorted_word VALUES ${sql.join(words.slice(at, at + WORDS))}`.execute(db)
    last = end.prefix
    // The service manager is told of life in between.
    await setImmediate()
  }
}
