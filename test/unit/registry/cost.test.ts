import { createPrivateKey, X509Certificate } from 'node:crypto'
import Database, { type Statement } from 'better-sqlite3'
import pg from 'pg'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { FreeSpace } from '../../../src/core/allocation/free-space.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { METHODS, type MethodName } from '../../../src/core/rpc/methods.ts'
import { formatTarget } from '../../../src/core/rpc/request-target.ts'
import { prefixOfBits } from '../../../src/core/values/prefix.ts'
import type { Clock } from '../../../src/platform/clock.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { DATABASE_KIND, rowsIn } from '../../support/databases.ts'
import { sessionWith } from '../../support/postgres.ts'
import { FakeNode, recordedClock } from '../../support/recorded-registry.ts'
import { testRegistry } from '../../support/registry.ts'
import { makeDatabase } from '../../support/registry-database.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const BITS = 16
const bits = (n: number) => n.toString(2).padStart(BITS, '0')

/** What a method did to the database: each statement, with the number of its rows. */
type Work = readonly { readonly sql: string; readonly rows: number }[]

interface Watch {
  readonly work: { sql: string; rows: number }[]
  readonly prepared: Set<string>
}

/** What is not about the transaction itself. */
const STATEMENT = /^(SELECT|INSERT|DELETE|WITH|UPDATE)/i

/** Watches every statement from now on. */
function watchStatements(): Watch {
  const watch: Watch = { work: [], prepared: new Set() }
  if (DATABASE_KIND === 'SQLite') watchSqlite(watch)
  else watchPostgres(watch)
  return watch
}

function watchSqlite(watch: Watch): void {
  const prepare = Database.prototype.prepare
  vi.spyOn(Database.prototype, 'prepare').mockImplementation(function (this: Database.Database, sql: string) {
    const statement = prepare.call(this, sql)
    watch.prepared.add(sql)
    const counted = <Name extends 'get' | 'all' | 'run' | 'iterate'>(
      name: Name,
      rowsOf: (result: unknown) => number,
    ) => {
      const original = statement[name].bind(statement) as (...parameters: unknown[]) => unknown
      const wrapped = (...parameters: unknown[]) => {
        const result = original(...parameters)
        watch.work.push({ sql, rows: rowsOf(result) })
        return result
      }
      Object.assign(statement, { [name]: wrapped })
    }
    counted('get', (row) => (row === undefined ? 0 : 1))
    counted('all', (rows) => (rows as unknown[]).length)
    counted('run', (result) => (result as Database.RunResult).changes)
    counted('iterate', () => Number.POSITIVE_INFINITY)
    return statement as Statement
  })
}

function watchPostgres(watch: Watch): void {
  const query = pg.Client.prototype.query as (...args: unknown[]) => unknown
  const watched = function (this: pg.Client, ...args: unknown[]): unknown {
    const [asked] = args
    const sql = typeof asked === 'string' ? asked : (asked as { readonly text: string }).text
    if (!STATEMENT.test(sql)) return query.apply(this, args)
    watch.prepared.add(sql)
    const note = (result?: pg.QueryResult) => watch.work.push({ sql, rows: result?.rowCount ?? 0 })
    const done = args.at(-1)
    if (typeof done !== 'function')
      return (query.apply(this, args) as Promise<pg.QueryResult>).then((result) => {
        note(result)
        return result
      })
    const noted = (error: unknown, result: pg.QueryResult) => {
      note(result)
      done(error, result)
    }
    return query.apply(this, [...args.slice(0, -1), noted])
  }
  vi.spyOn(pg.Client.prototype, 'query').mockImplementation(watched as never)
}

/** How each statement finds its rows. */
async function plansOf(database: string, statements: readonly string[]): Promise<Map<string, string>> {
  return DATABASE_KIND === 'SQLite'
    ? sqlitePlans(database, statements)
    : await postgresPlans(database, statements)
}

function sqlitePlans(path: string, statements: readonly string[]): Map<string, string> {
  const database = new Database(path, { readonly: true })
  const planOf = (sql: string) => {
    const unnamed = sql.replace(/[@]\w+/g, '?')
    const marks = unnamed.split('?').length - 1
    const plan = database
      .prepare(`EXPLAIN QUERY PLAN ${unnamed}`)
      .all(...Array.from({ length: marks }, () => 0))
    return (plan as { detail: string }[]).map(({ detail }) => detail).join('; ')
  }
  const plans = new Map(statements.map((sql) => [sql, planOf(sql)]))
  database.close()
  return plans
}

/** Of a table that is read as a whole although that is made dear, nothing else would do. */
async function postgresPlans(url: string, statements: readonly string[]): Promise<Map<string, string>> {
  await using session = await sessionWith(url)
  await session.query('SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan')
  const plans = new Map<string, string>()
  for (const [index, sql] of statements.entries()) {
    await session.query(`PREPARE p${index} AS ${sql}`)
    const marks = Math.max(0, ...[...sql.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)))
    const values = marks === 0 ? '' : `(${Array<string>(marks).fill('NULL').join(', ')})`
    const { rows } = await session.query<{ 'QUERY PLAN': string }>(`EXPLAIN EXECUTE p${index}${values}`)
    plans.set(sql, rows.map((row) => row['QUERY PLAN'].replace('Seq Scan on', 'SCAN')).join('; '))
  }
  return plans
}

/** A database with that many rows; all hold the first one's certificate: only their number counts here. */
async function networkOf(certificates: number): Promise<string> {
  const database = await makeDatabase({
    rows: [[bits(0), 'node0@example.com', { serial: 1, endsInDays: 300, subjectSerial: 0 }]],
    registryPrefix: bits(0),
    lastSerial: certificates,
  })
  await using store = await openStore(database)
  const [{ cert } = { cert: '' }] = await store.all<{ cert: string }>('SELECT cert FROM cert')
  const rows: (string | null)[][] = []
  for (let n = 1; n < certificates; n++) rows.push([bits(n), `node${n}@example.com`, cert])
  // What is left of the network.
  for (let n = certificates; n < 2 ** BITS; ) {
    const zeros = Math.log2(n & -n)
    rows.push([bits(n).slice(0, BITS - zeros), null, null])
    n += 2 ** zeros
  }
  const tokens = Array.from({ length: certificates }, (_, n) => [`token${n}`, `t${n}@example.com`])
  await store.write(async (writable) => {
    const insert = async (text: string, row: string, values: readonly (string | null)[][]) => {
      for (let at = 0; at < values.length; at += 500) {
        const some = values.slice(at, at + 500)
        await writable.run(`INSERT INTO ${text} VALUES ${some.map(() => row).join(', ')}`, ...some.flat())
      }
    }
    await insert('cert', '(?, ?, ?)', rows)
    await insert('token', '(?, ?, 16, 2000000000)', tokens)
    // As if another implementation had written them.
    await writable.run(
      'INSERT INTO cert_changed SELECT prefix FROM cert WHERE prefix NOT IN (SELECT prefix FROM cert_changed)',
    )
  })
  return database
}

afterEach(() => {
  vi.restoreAllMocks()
})

/** What the registry looks at now and then is nothing that a method does. */
const withoutRounds: Clock = {
  ...recordedClock,
  after: (ms, action) => (ms < FIRST_ROUND_MS ? recordedClock.after(ms, action) : { [Symbol.dispose]() {} }),
  every: () => ({ [Symbol.dispose]() {} }),
}
/** No round begins earlier. */
const FIRST_ROUND_MS = 5_000

/** Calls every method once, and says what each did. */
async function workOfEachMethod(
  certificates: number,
): Promise<{ works: Map<MethodName, Work>; plans: Map<string, string> }> {
  const databasePath = await networkOf(certificates)
  const watch = watchStatements()
  await using node = await FakeNode.start()
  node.answer = (question) => [`${question}${Buffer.from('0 198.51.100.1,1194,tcp').toString('hex')}`]
  await using registry = await testRegistry(
    { databasePath, registration: { mailPrefixLength: BITS, anonymousPrefixLength: BITS } },
    {
      clock: withoutRounds,
      nodePort: node.port,
      reachable: () => ({ list: async () => [prefixOfBits(bits(1))] }),
      mailer: { send: async () => {} },
      geoip: { edition: 'test', locate: () => ({ country: 'FR', continent: 'EU' }) },
    },
  )
  const client = new RegistryClient(registry.url, {
    prefix: prefixOfBits(bits(0)),
    caPublicKey: new X509Certificate(pki.ca).publicKey,
    decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
  })
  // The session is there, so that no method says hello.
  await client.getDh()
  const free = vi.spyOn(FreeSpace.prototype, Symbol.iterator)
  const get = async (method: MethodName, parameters: Record<string, string> = {}) => {
    const { status } = await fetch(registry.url + formatTarget(method, parameters).slice(1))
    expect([200, 204], method).toContain(status)
  }
  const calls: Record<MethodName, () => Promise<unknown>> = {
    hello: () => get('hello', { client_prefix: bits(1) }),
    getCa: () => get('getCa'),
    requestToken: () => get('requestToken', { email: 'new@example.com' }),
    requestCertificate: () => get('requestCertificate', { token: 'token1', req: csr }),
    renewCertificate: () => client.renewCertificate(),
    getDh: () => client.getDh(),
    getNetworkConfig: () => client.getNetworkConfig(),
    getCountry: () => client.getCountry('192.0.2.1'),
    getBootstrapPeer: () => client.getBootstrapPeer(),
    isToken: () => get('isToken', { token: 'token2' }),
    addToken: () => get('addToken', { email: 'other@example.com', token: '' }),
    deleteToken: () => get('deleteToken', { token: 'token3' }),
    revoke: () => get('revoke', { cn_or_serial: `2/${BITS}` }),
    updateHMAC: () => get('updateHMAC'),
    getNodePrefix: () => get('getNodePrefix', { email: 'node5@example.com' }),
    getIPv6Address: () => get('getIPv6Address', { email: 'node5@example.com' }),
    getIPv4Information: () => get('getIPv4Information', { email: 'node5@example.com' }),
    versions: () => get('versions'),
    topology: () => get('topology'),
  }
  const works = new Map<MethodName, Work>()
  for (const method of Object.keys(METHODS) as MethodName[]) {
    watch.work.length = 0
    await calls[method]()
    works.set(method, [...watch.work])
  }
  expect(free).not.toHaveBeenCalled()

  vi.restoreAllMocks()
  const plans = await plansOf(
    databasePath,
    [...watch.prepared].filter((sql) => STATEMENT.test(sql)),
  )
  return { works, plans }
}

/** Tables that do not grow with the certificates: the serials that are revoked, and the configuration. */
const SMALL = /SCAN (crl|config|network_setting)\b/g
/** By an index. Beside the calls, certificates that end are looked for, and where nodes are. */
const BESIDE = /^select \* from "holder"/
/** Of one machine there are the words of its name and its address: a few, however many machines there are. */
const WORDS = /\bsearch_word\b/
const MOST_WORDS = 8
/**
 * The most that one call does: two for each half that is left when a free prefix is split, of `BITS` of them, beside what is forgotten and
 * written of a machine, and of an answer that may be lost.
 */
const MOST_STATEMENTS = 2 * BITS + 32

describe('what a method costs', () => {
  it('does not depend on the number of certificates', async () => {
    const [few, many] = [await workOfEachMethod(16), await workOfEachMethod(4_096)]
    for (const { works, plans } of [few, many])
      for (const [method, work] of works) {
        expect(work.length, method).toBeLessThanOrEqual(MOST_STATEMENTS)
        for (const { sql, rows } of work.filter(({ sql }) => !BESIDE.test(sql))) {
          const plan = (plans.get(sql) ?? '').replace(SMALL, '')
          expect(plan, `${method}: ${sql}`).not.toMatch(
            /SCAN (?!CONSTANT ROW|\d+-ROW VALUES CLAUSE|lengths|found|\(subquery|subject_serial_gap$)/,
          )
          expect(rows, `${method}: ${sql}`).toBeLessThanOrEqual(WORDS.test(sql) ? MOST_WORDS : 1)
        }
      }
    const textsOf = (work: Work) => [
      ...new Set(work.map(({ sql }) => sql).filter((sql) => !BESIDE.test(sql))),
    ]
    const statements = (works: Map<MethodName, Work>) =>
      DATABASE_KIND === 'SQLite'
        ? [...works].map(([method, work]) => [method, textsOf(work).sort()])
        : // What is told to all processes is heard at whatever moment: that belongs to no method.
          textsOf([...works.values()].flat()).sort()
    expect(statements(many.works)).toEqual(statements(few.works))
  })

  it('is told from what reads all: the test would see it', async () => {
    const path = await networkOf(16)
    const watch = watchStatements()
    const sql = "SELECT * FROM cert WHERE email LIKE 'node1@%'"
    expect(await rowsIn(path, sql)).toHaveLength(1)
    expect(watch.work.filter((one) => one.sql === sql)).toEqual([{ sql, rows: 1 }])
    vi.restoreAllMocks()
    expect((await plansOf(path, [sql])).get(sql)).toContain('SCAN cert')
  })
})
