import { sql } from 'kysely'
import { HEAD_BITS } from '../tables.ts'
import type { MigrationOf } from './migration.ts'

const HEAD = (row: string) => `substr(${row}.prefix, 1, ${HEAD_BITS})`

/** As machines are counted (008). Who is seen again is not counted again: that is an update. */
const COUNTING_SQLITE: readonly string[] = [
  `CREATE TRIGGER node_address_counted AFTER INSERT ON node_address BEGIN INSERT INTO node_address_count VALUES (${HEAD('NEW')}, 1) ON CONFLICT (head) DO UPDATE SET n = n + 1; END`,
  `CREATE TRIGGER node_address_discounted AFTER DELETE ON node_address BEGIN UPDATE node_address_count SET n = n - 1 WHERE head = ${HEAD('OLD')}; END`,
]

const COUNTING_POSTGRES: readonly string[] = [
  `CREATE FUNCTION count_node_addresses() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     INSERT INTO node_address_count AS present
       SELECT ${HEAD('changed')}, CASE WHEN TG_OP = 'INSERT' THEN COUNT(*) ELSE -COUNT(*) END FROM changed GROUP BY 1
       ON CONFLICT (head) DO UPDATE SET n = present.n + excluded.n;
     RETURN NULL;
   END $$`,
  'CREATE TRIGGER node_address_counted AFTER INSERT ON node_address REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_node_addresses()',
  'CREATE TRIGGER node_address_discounted AFTER DELETE ON node_address REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_node_addresses()',
]

/**
 * How many machines were ever seen, which each look at the page asks: the database counts along. On PostgreSQL, machines are counted
 * anew: there, those before a restore were counted still.
 */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    const run = (text: string) => sql.raw(text).execute(db)
    const [text, integer] = kind === 'sqlite' ? ['TEXT', 'INTEGER'] : ['TEXT COLLATE "C"', 'BIGINT']
    await run(`CREATE TABLE node_address_count (head ${text} PRIMARY KEY NOT NULL, n ${integer} NOT NULL)`)
    await run(
      `INSERT INTO node_address_count SELECT ${HEAD('node_address')}, COUNT(*) FROM node_address GROUP BY 1`,
    )
    if (kind === 'postgres') {
      await run('DELETE FROM holder_count')
      await run(`INSERT INTO holder_count SELECT ${HEAD('holder')}, COUNT(*) FROM holder GROUP BY 1`)
    }
    for (const trigger of kind === 'sqlite' ? COUNTING_SQLITE : COUNTING_POSTGRES) await run(trigger)
  },
})
