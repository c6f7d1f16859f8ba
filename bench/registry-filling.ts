import Database from 'better-sqlite3'
import pg from 'pg'
import { isPostgresUrl } from '../src/registry/database/open-store.ts'

/*
 * As many certificates as are wanted, without asking a registry for each: all have the text of one that was given, only
 * their number counts. They are in the upper half of the network, which is free as long as few are given. Each machine
 * was seen, and has a history, as those of a network that has run for a while.
 */

/** Bits of a prefix that is given without a token, in what is measured. */
const LENGTH = 32
const LAST = LENGTH - 2

/** A database in which much is written at once. */
interface Filled {
  /** `$1`, `$2`, … stand for parameters. @returns its rows, if it has any */
  run(sql: string, ...parameters: readonly (string | number)[]): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

/** Fills the database of a registry that does not run. @throws Error when its upper half is not free */
export async function fill(place: string, count: number): Promise<void> {
  if (count === 0) return
  const filled = isPostgresUrl(place) ? await openPostgres(place) : openSqlite(place)
  try {
    await fillUpperHalf(filled, count)
  } finally {
    await filled.close()
  }
}

async function fillUpperHalf({ run }: Filled, count: number): Promise<void> {
  const one = async (sql: string) => {
    const [row] = await run(sql)
    if (!row) throw new Error('the registry has given no certificate, or the upper half of the network')
    return row
  }
  await one("DELETE FROM cert WHERE prefix = '1' AND cert IS NULL RETURNING prefix")
  const { cert, not_after: end } = await one(
    'SELECT cert.cert, holder.not_after FROM cert JOIN holder ON holder.prefix = cert.prefix ORDER BY cert.prefix LIMIT 1',
  )
  const { first } = await one('SELECT max(first) AS first FROM subject_serial_gap')
  const { last } = await one('SELECT max(serial) AS last FROM issued')
  const serial = Number(last) + 1
  const bits = Array.from({ length: LAST + 1 }, (_, bit) => ` || ((n >> ${LAST - bit}) & 1)`).join('')
  await run(
    `CREATE TABLE filling AS WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count - 1}) SELECT n, '1'${bits} AS prefix, n || '@example.com' AS email FROM numbers`,
  )
  const insert = (into: string, columns: string, ...parameters: (string | number)[]) =>
    run(`INSERT INTO ${into} SELECT ${columns} FROM filling`, ...parameters)
  await insert('cert (prefix, email, cert)', 'prefix, email, CAST($1 AS TEXT)', String(cert))
  const seen = Math.floor(Date.now() / 1000) - 3600
  // Before the certificates: machines are listed as they come, with what is known of them by then. Half of them have asked for a
  // configuration of before.
  await insert('node_address (prefix, addresses, date)', `prefix, '192.0.2.1,1194,udp', ${seen} - n % 86400`)
  await insert('machine_version (prefix, version)', 'prefix, n % 2')
  await insert(
    'holder (prefix, email, serial, subject_serial, not_after)',
    `prefix, email, ${serial} + n, ${first} + n, ${end}`,
  )
  await insert('search_word (word, prefix, kind)', "email, prefix, 'email'")
  for (const word of ['example.com', 'com'])
    await insert('search_word (word, prefix, kind)', `'${word}', prefix, 'email'`)
  await insert('issued (serial, prefix, date)', `${serial} + n, prefix, ${end}`)
  await insert(
    'machine_event (prefix, date, kind, detail)',
    `prefix, ${seen}, 'enrolled', CAST(${serial} + n AS TEXT)`,
  )
  // As a registry looks them up that has a database of places.
  await run(
    "UPDATE listed_machine SET is_located = 1, country = substr('DEFRITESJPUSBRINNLPL', 1 + 2 * CAST(n % 10 AS INTEGER), 2) FROM filling WHERE filling.prefix = listed_machine.prefix",
  )
  await run('DROP TABLE filling')
  for (const free of freeAfter(count))
    await run(`INSERT INTO cert (prefix, email, cert) VALUES ('${free}', NULL, NULL)`)
  await run(`UPDATE subject_serial_gap SET first = first + ${count} WHERE first = ${first}`)
  await run("UPDATE config SET value = $1 WHERE name = 'serial'", serial + count - 1)
  // It was not another implementation that wrote them.
  await run('DELETE FROM cert_changed')
}

/** Without a journal: what a crash leaves is of no use to anybody. */
function openSqlite(path: string): Filled {
  const database = new Database(path)
  for (const pragma of ['journal_mode = OFF', 'synchronous = OFF', 'cache_size = -500000'])
    database.pragma(pragma)
  database.exec('BEGIN')
  return {
    async run(sql, ...parameters) {
      const prepared = database.prepare(sql.replace(/\$\d+/g, '?'))
      // Numbers of the registry's own are whole ones.
      const values = parameters.map((value) => (typeof value === 'number' ? BigInt(value) : value))
      if (prepared.reader) return prepared.all(...values) as Record<string, unknown>[]
      prepared.run(...values)
      return []
    },
    async close() {
      database.exec('COMMIT')
      database.close()
    },
  }
}

/** As the registry writes numbers there: type, then value. */
async function openPostgres(url: string): Promise<Filled> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('SET synchronous_commit = off')
  await client.query('SET client_min_messages = warning')
  await client.query("SET re6st.words_are_kept = 'yes'")
  return {
    async run(sql, ...parameters) {
      const values = parameters.map((value) => (typeof value === 'number' ? `n${value}` : value))
      return (await client.query<Record<string, unknown>>(sql, values)).rows
    },
    async close() {
      // As the server does by itself, some minutes later.
      await client.query('VACUUM ANALYZE')
      await client.end()
    },
  }
}

/** What is free of that half behind so many prefixes at its beginning. */
function freeAfter(count: number): string[] {
  const free: string[] = []
  let next = count
  while (next < 2 ** (LENGTH - 1)) {
    const size = next & -next
    free.push(`1${next.toString(2).padStart(LENGTH - 1, '0')}`.slice(0, LENGTH - Math.log2(size)))
    next += size
  }
  return free
}
