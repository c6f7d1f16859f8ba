import type pg from 'pg'
import { codeOf, Re6stError } from '../../core/errors.ts'
import type { ConfigValues, Executor, Lists, SqlParameter, Topic } from './engine.ts'
import type { Statement } from './statement.ts'
import type { ConfigRowValue } from './tables.ts'

/** What processes with one database tell each other by. */
export const CHANNEL = 're6st'

/** What the connections of a registry that serves are called in PostgreSQL's list of them. */
export const APPLICATION = 're6st-registry'

/** Of a transaction: triggers note what a registry writes that knows of no `search_word` (migration 014). */
export const WORDS_ARE_KEPT = "SET LOCAL re6st.words_are_kept = 'yes'"

/** A URL that gives our connections no other name: by that, `restore` sees that a registry serves. */
export function withoutApplication(url: string): string {
  const at = url.indexOf('?')
  if (at < 0) return url
  const kept = url
    .slice(at + 1)
    .split('&')
    .filter((parameter) => !new URLSearchParams(parameter).has('application_name'))
  return `${url.slice(0, at)}${kept.length > 0 ? '?' : ''}${kept.join('&')}`
}

/** The tables of the Python implementation, as PostgreSQL has them: dates and serials do not end in 2038 there. */
export const PYTHON_TABLES = `
CREATE TABLE IF NOT EXISTS config (name TEXT PRIMARY KEY NOT NULL, value TEXT);
CREATE TABLE IF NOT EXISTS token (token TEXT PRIMARY KEY NOT NULL, email TEXT NOT NULL, prefix_len BIGINT NOT NULL, date BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS cert (prefix TEXT COLLATE "C" PRIMARY KEY NOT NULL, email TEXT, cert TEXT);
CREATE TABLE IF NOT EXISTS crl (serial BIGINT PRIMARY KEY NOT NULL, date BIGINT NOT NULL);
INSERT INTO cert SELECT '', NULL, NULL WHERE NOT EXISTS (SELECT 1 FROM cert)`

/** Columns of those. */
const PYTHON_COLUMNS: Readonly<Record<string, string>> = {
  config: 'name, value',
  token: 'token, email, prefix_len, date',
  cert: 'prefix, email, cert',
  crl: 'serial, date',
}

/**
 * What somebody has changed cannot be written. Of tables with one name in several schemas, the first is ours: another is hidden by it.
 * @throws Re6stError `FILE`
 */
export async function refuseOtherTables(client: pg.ClientBase, url: string): Promise<void> {
  const { rows } = await client.query<{ name: string; columns: string }>(
    `SELECT relname AS name, string_agg(attname, ', ' ORDER BY attnum) AS columns
     FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
     WHERE pg_class.oid IN (SELECT to_regclass(name) FROM unnest($1::text[]) AS asked (name)) GROUP BY relname`,
    [Object.keys(PYTHON_COLUMNS)],
  )
  const other = rows.find(({ name, columns }) => PYTHON_COLUMNS[name] !== columns)
  if (other)
    throw new Re6stError(
      'FILE',
      `--db ${url}: its table ${other.name} is not a registry's: give another database, or a backup from before it was changed`,
    )
}

/**
 * A database without our tables must be able to hold any letter: one of another encoding would fail with the first name that it has not.
 * @throws Re6stError `FILE`
 */
export async function refuseEncoding(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ encoding: string; is_used: boolean }>(
    "SELECT current_setting('server_encoding') AS encoding, to_regclass('cert') IS NOT NULL AS is_used",
  )
  const [{ encoding, is_used: isUsed } = { encoding: 'UTF8', is_used: true }] = rows
  if (!isUsed && encoding !== 'UTF8')
    throw new Re6stError(
      'FILE',
      `--db: its encoding is ${encoding}, which does not have all letters of names: make it with "createdb -T template0 -E UTF8"`,
    )
}

type Connected = Pick<pg.ClientBase, 'query'> | pg.Pool

/** Runs statements on a connection, or on any. */
export const executorOn = (client: Connected): Executor => ({
  all: (statement, args) => run(client, statement, args),
  run: (text, parameters) => runText(client, text, parameters),
})

/** As text, with their types. */
export const configValues: ConfigValues = { write: (_name, value) => encode(value), read: decode }

/** Each question costs the way to the server and back, and to read the text: thousands of values at a time, as one array. */
export const lists: Lists = { atOnce: 10_000, text: '= ANY (?)', parameters: (values) => [values] }

/** Tells all processes with this database, when the transaction is committed. */
export async function notify(executor: Executor, topic: Topic): Promise<void> {
  await executor.run('SELECT pg_notify(?, ?)', [CHANNEL, topic])
}

/** The server's, since machines may differ in theirs. */
export async function commonTimeMs(executor: Executor): Promise<number> {
  const { rows } = await executor.run(
    'SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS ms',
    [],
  )
  return (rows[0] as { ms: number }).ms
}

/** Names of the tables that are found without a schema's name. */
export async function tables(executor: Executor): Promise<string[]> {
  const { rows } = await executor.run(
    'SELECT tablename AS name FROM pg_tables WHERE schemaname = ANY (current_schemas(false))',
    [],
  )
  return (rows as { name: string }[]).map(({ name }) => name)
}

/** To delete a million rows one by one takes longer than an answer may. */
export async function clear(executor: Executor, table: string): Promise<void> {
  await executor.run(`TRUNCATE ${table}`, [])
}

/** Lets rows into a table as they are while `write` runs: whoever owns it may. */
export async function unguarded(
  executor: Executor,
  table: string,
  write: () => Promise<void>,
): Promise<void> {
  await executor.run(`ALTER TABLE ${table} DISABLE TRIGGER USER`, [])
  await write()
  await executor.run(`ALTER TABLE ${table} ENABLE TRIGGER USER`, [])
}

/** PostgreSQL's error codes. */
const UNDEFINED_TABLE = '42P01'
const LOCK_NOT_AVAILABLE = '55P03'
/** Less than a statement may take: so it is known what was waited for. */
const RESTORE_WAIT_MS = 5_000

/**
 * Begins to read what is committed now. What is truncated is empty for all who have begun before: whoever truncates has locked `config`
 * first, and this waits for its end before the moment that is read.
 * @throws Re6stError `FILE` when that takes too long
 */
export async function beginSnapshot(client: pg.ClientBase): Promise<void> {
  const begin = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'
  await client.query(begin)
  try {
    await client.query(`SET LOCAL lock_timeout = ${RESTORE_WAIT_MS}`)
    await client.query('LOCK TABLE config IN ACCESS SHARE MODE')
    await client.query('SET LOCAL lock_timeout = DEFAULT')
  } catch (error) {
    const code = codeOf(error)
    if (code === LOCK_NOT_AVAILABLE)
      throw new Re6stError(
        'FILE',
        'another database is being restored into it: try again when that is done',
        {
          cause: error,
        },
      )
    if (code !== UNDEFINED_TABLE) throw error
    // Of no registry: there is nothing to wait for.
    await client.query('ROLLBACK')
    await client.query(begin)
  }
}

/** Nothing: a page that is damaged is an error of the query that reads it. */
export const damage = async (): Promise<string[]> => []

async function run<Arguments extends readonly unknown[], Row>(
  client: Connected,
  statement: Statement<Arguments, Row>,
  args: Arguments,
): Promise<Row[]> {
  // With a name, the server reads the text once for each connection.
  const { name, sql: text, rowsOf } = statement
  const { rows } = await client.query({ name, text, values: statement.bind(args) })
  return rowsOf(rows)
}

/** No text of ours has a question mark that is none. */
async function runText(
  client: Connected,
  text: string,
  parameters: readonly SqlParameter[],
): Promise<{ readonly rows: unknown[]; readonly changes: number }> {
  let at = 0
  const numbered = text.replace(/\?/g, () => `$${++at}`)
  const { rows, rowCount } = await client.query(numbered, [...parameters])
  return { rows, changes: rowCount ?? 0 }
}

/** Type, then value. */
function encode(value: ConfigRowValue): ConfigRowValue {
  if (Buffer.isBuffer(value)) return `b${value.toString('hex')}`
  if (value === null) return null
  return typeof value === 'string' ? `t${value}` : `n${value}`
}

function decode(value: ConfigRowValue): ConfigRowValue {
  if (typeof value !== 'string') return value
  const rest = value.slice(1)
  if (value.startsWith('b')) return Buffer.from(rest, 'hex')
  return value.startsWith('n') ? Number(rest) : rest
}
