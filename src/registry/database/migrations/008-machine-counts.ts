import { sql } from 'kysely'
import { HEAD_BITS } from '../tables.ts'
import type { MigrationOf } from './migration.ts'

const HEAD = (row: string) => `substr(${row}.prefix, 1, ${HEAD_BITS})`

/** Each row by itself: SQLite knows no other triggers. */
const COUNTING_SQLITE: readonly string[] = [
  `CREATE TRIGGER holder_counted AFTER INSERT ON holder BEGIN INSERT INTO holder_count VALUES (${HEAD('NEW')}, 1) ON CONFLICT (head) DO UPDATE SET n = n + 1; END`,
  `CREATE TRIGGER holder_discounted AFTER DELETE ON holder BEGIN UPDATE holder_count SET n = n - 1 WHERE head = ${HEAD('OLD')}; END`,
]

/** All rows of a statement together: what changes a row many times in one transaction goes through all its versions. */
const COUNTING_POSTGRES: readonly string[] = [
  `CREATE FUNCTION count_holders() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     INSERT INTO holder_count AS present
       SELECT ${HEAD('changed')}, CASE WHEN TG_OP = 'INSERT' THEN COUNT(*) ELSE -COUNT(*) END FROM changed GROUP BY 1
       ON CONFLICT (head) DO UPDATE SET n = present.n + excluded.n;
     RETURN NULL;
   END $$`,
  'CREATE TRIGGER holder_counted AFTER INSERT ON holder REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_holders()',
  'CREATE TRIGGER holder_discounted AFTER DELETE ON holder REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_holders()',
]

/**
 * How many machines there are, by the first bits of their prefixes: the database counts along, since to count a million takes longer
 * than to answer any call. And who was seen last is found by an index.
 */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    const run = (text: string) => sql.raw(text).execute(db)
    const [text, integer] = kind === 'sqlite' ? ['TEXT', 'INTEGER'] : ['TEXT COLLATE "C"', 'BIGINT']
    await run(`CREATE TABLE holder_count (head ${text} PRIMARY KEY NOT NULL, n ${integer} NOT NULL)`)
    await run(`INSERT INTO holder_count SELECT ${HEAD('holder')}, COUNT(*) FROM holder GROUP BY 1`)
    for (const trigger of kind === 'sqlite' ? COUNTING_SQLITE : COUNTING_POSTGRES) await run(trigger)
    await run('CREATE INDEX node_address_date ON node_address (date)')
  },
})
