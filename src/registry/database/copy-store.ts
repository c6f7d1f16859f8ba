import { Re6stError } from '../../core/errors.ts'
import type { SqlValue } from './engine.ts'
import type { Queries } from './queries.ts'
import type { Store, Write } from './store.ts'

/** What belongs to processes that run: sessions, of nodes and administrators. How transactions have ended does, too. */
const OF_PROCESSES = ['session', 'admin_session'] as const

/** What the database makes of others as they are written; of what PostgreSQL clears as a whole, it hears nothing. */
const MADE_OF_OTHERS = ['holder_count', 'node_address_count', 'listed_machine', 'listed_version'] as const

/**
 * What is copied, and what its rows are ordered by. `cert_changed` comes after `cert`: SQLite has noted there what was written.
 */
const TABLES: readonly (readonly [table: string, ...key: string[]])[] = [
  ['token', 'token'],
  ['cert', 'prefix'],
  ['cert_changed', 'prefix'],
  ['crl', 'serial'],
  ['issued', 'serial'],
  ['made_token', 'token'],
  ['unheard_certificate', 'token', 'prefix'],
  ['node_address', 'prefix'],
  ['holder', 'prefix'],
  ['reservation', 'prefix'],
  ['subject_serial_gap', 'first'],
  ['expiry_mail', 'serial', 'stage'],
  ['webhook_message', 'number'],
  ['token_mail', 'email'],
  ['operator_notice', 'name'],
  ['authority', 'fingerprint'],
  ['machine_authority', 'prefix'],
  ['machine_version', 'prefix'],
  ['machine_software', 'prefix'],
  ['admin', 'name'],
  ['bearer_token', 'id'],
  ['audit', 'number'],
  ['invitation', 'id'],
  ['invitation_use', 'id', 'prefix'],
  ['machine', 'prefix'],
  ['search_word', 'word', 'prefix', 'kind'],
  ['word_due', 'prefix'],
  ['machine_event', 'prefix', 'date'],
  ['look_day', 'day'],
  ['machine_day', 'prefix', 'day'],
  ['network_setting', 'name'],
]

/** Rows that are read, and written, at a time. */
const BATCH = 500

type Row = Readonly<Record<string, SqlValue>>

/**
 * Copies all that a registry knows into an empty database: all or nothing.
 * @param from as it is at one moment; of later tables that it does not have, there is nothing
 * @param also written in the same transaction
 * @throws Re6stError `CONFLICT` when the other is not empty
 */
export async function copyStore(from: Queries, to: Store, also: Write = async () => {}): Promise<void> {
  await to.write(async (writable) => {
    if (await isUsed(writable))
      throw new Re6stError('CONFLICT', 'there is a network in it already: give an empty one')
    await replaceAll(from, writable)
    await also(writable)
  })
}

/** Whether there is a network in it. */
export async function isUsed(queries: Queries): Promise<boolean> {
  const [given] = await queries.all('SELECT prefix FROM cert WHERE cert IS NOT NULL LIMIT 1')
  return given !== undefined || (await queries.config('version')) !== undefined
}

/**
 * Puts what one has in the place of what is in the other, also of what belongs to processes that run: none does.
 * @param from with all our tables: what a registry keeps beside those of the Python implementation is made of them by migrations only
 */
export async function replaceAll(from: Queries, to: Queries): Promise<void> {
  const [present, there] = [new Set(await from.tables()), new Set(await to.tables())]
  const [missing] = TABLES.find(([table]) => !there.has(table)) ?? []
  if (missing !== undefined)
    throw new Error(`its table ${missing} is not there: make an empty database, and name that`)
  // `config` first: whoever reads all at one moment waits for it, and for nothing that waits for the reader.
  for (const table of ['config', ...OF_PROCESSES, ...MADE_OF_OTHERS]) await to.clear(table)
  for (const { name } of await from.all<{ name: string }>('SELECT name FROM config'))
    await to.setConfig(name, await from.config(name))
  for (const [table, ...key] of TABLES) {
    await to.clear(table)
    if (!present.has(table)) continue
    // What has happened in one second is to stay in its order.
    const ties = table === 'machine_event' ? [from.writtenOrder] : []
    const copy = async () => {
      for await (const rows of rowsOf(from, table, key, ties)) await insert(to, table, rows)
    }
    // An audit log that was tampered with is copied as it is: what is wrong in it is told of there, too.
    await (table === 'audit' ? to.unguarded(table, copy) : copy())
  }
}

/** All rows of a table, some at a time. Several may have the same key, if they are few: `ties` order those. */
async function* rowsOf(
  readable: Queries,
  table: string,
  key: readonly string[],
  ties: readonly string[],
): AsyncGenerator<Row[]> {
  const order = `ORDER BY ${[...key, ...ties].join(', ')} LIMIT ${BATCH}`
  const after = `WHERE (${key.join(', ')}) > (${key.map(() => '?').join(', ')})`
  let last: Row | undefined
  for (;;) {
    const rows: Row[] = last
      ? await readable.all(`SELECT * FROM ${table} ${after} ${order}`, ...valuesOf(last, key))
      : await readable.all(`SELECT * FROM ${table} ${order}`)
    const isEnd = rows.length < BATCH
    const cut = rows.at(-1)
    // There may be more with the key of the last: all of them come with the next.
    const whole = isEnd || !cut ? rows : rows.filter((row) => key.some((name) => row[name] !== cut[name]))
    if (whole.length > 0) yield whole
    if (isEnd) return
    last = whole.at(-1)
    if (!last) throw new Error(`${table}: too many rows with one key`)
  }
}

async function insert(writable: Queries, table: string, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {})
  const places = `(${columns.map(() => '?').join(', ')})`
  await writable.run(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${rows.map(() => places).join(', ')}`,
    ...rows.flatMap((row) => valuesOf(row, columns)),
  )
}

const valuesOf = (row: Row, columns: readonly string[]): SqlValue[] =>
  columns.map((column) => row[column] ?? null)
