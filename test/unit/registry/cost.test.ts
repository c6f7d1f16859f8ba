import { createPrivateKey, X509Certificate } from 'node:crypto'
import Database, { type Statement } from 'better-sqlite3'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { FreeSpace } from '../../../src/core/allocation/free-space.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { METHODS, type MethodName } from '../../../src/core/rpc/methods.ts'
import { formatTarget } from '../../../src/core/rpc/request-target.ts'
import { prefixOfBits } from '../../../src/core/values/prefix.ts'
import type { Clock } from '../../../src/platform/clock.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
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

/** Watches every statement that is prepared from now on. */
function watchStatements(): { work: { sql: string; rows: number }[]; prepared: Set<string> } {
  const watch = { work: [] as { sql: string; rows: number }[], prepared: new Set<string>() }
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
  return watch
}

/** A database with that many rows; all hold the first one's certificate: only their number counts here. */
async function databaseWith(certificates: number): Promise<string> {
  const path = await makeDatabase({
    rows: [[bits(0), 'node0@example.com', { serial: 1, endsInDays: 300, subjectSerial: 0 }]],
    registryPrefix: bits(0),
    lastSerial: certificates,
  })
  const database = new Database(path)
  const [pem] = database.prepare('SELECT cert FROM cert').pluck().all()
  const insert = database.prepare('INSERT INTO cert VALUES (?, ?, ?)')
  database.transaction(() => {
    for (let n = 1; n < certificates; n++) insert.run(bits(n), `node${n}@example.com`, pem)
    // What is left of the network.
    for (let n = certificates; n < 2 ** BITS; ) {
      const zeros = Math.log2(n & -n)
      insert.run(bits(n).slice(0, BITS - zeros), null, null)
      n += 2 ** zeros
    }
    for (let n = 0; n < certificates; n++)
      database
        .prepare('INSERT INTO token VALUES (?, ?, 16, 2000000000)')
        .run(`token${n}`, `t${n}@example.com`)
  })()
  database.close()
  return path
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
  const databasePath = await databaseWith(certificates)
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
  const database = new Database(databasePath, { readonly: true })
  const plans = new Map(
    [...watch.prepared]
      .filter((sql) => /^(SELECT|INSERT|DELETE|WITH|UPDATE)/i.test(sql))
      .map((sql) => {
        const unnamed = sql.replace(/[@]\w+/g, '?')
        const marks = unnamed.split('?').length - 1
        const plan = database
          .prepare(`EXPLAIN QUERY PLAN ${unnamed}`)
          .all(...Array.from({ length: marks }, () => 0))
        return [sql, (plan as { detail: string }[]).map(({ detail }) => detail).join('; ')]
      }),
  )
  database.close()
  return { works, plans }
}

/** Tables that do not grow with the certificates: the serials that are revoked, and the configuration. */
const SMALL = /^SCAN (crl|config|network_setting)\b/
/** By an index. Beside the calls, certificates that end are looked for, and where nodes are. */
const BESIDE = /^select \* from "holder"/
/** Of one machine there are the words of its name and its address: a few, however many machines there are. */
const WORDS = /\bsearch_word\b/
const MOST_WORDS = 8
/** The most that one call does: writing each half that is left when a free prefix is split, and the configuration. */
const MOST_STATEMENTS = 60

describe('what a method costs', () => {
  it('does not depend on the number of certificates', async () => {
    const [few, many] = [await workOfEachMethod(16), await workOfEachMethod(4_096)]
    for (const { works, plans } of [few, many])
      for (const [method, work] of works) {
        expect(work.length, method).toBeLessThanOrEqual(MOST_STATEMENTS)
        for (const { sql, rows } of work.filter(({ sql }) => !BESIDE.test(sql))) {
          const plan = plans.get(sql) ?? ''
          if (!SMALL.test(plan))
            expect(plan, `${method}: ${sql}`).not.toMatch(
              /SCAN (?!CONSTANT ROW|\d+-ROW VALUES CLAUSE|lengths|found|\(subquery|subject_serial_gap$)/,
            )
          expect(rows, `${method}: ${sql}`).toBeLessThanOrEqual(WORDS.test(sql) ? MOST_WORDS : 1)
        }
      }
    const statements = (works: Map<MethodName, Work>) =>
      [...works].map(([method, work]) => [
        method,
        [...new Set(work.map(({ sql }) => sql).filter((sql) => !BESIDE.test(sql)))].sort(),
      ])
    expect(statements(many.works)).toEqual(statements(few.works))
  })

  it('is told from what reads all: the test would see it', async () => {
    const path = await databaseWith(16)
    const watch = watchStatements()
    const database = new Database(path)
    database.prepare('SELECT * FROM cert WHERE email = ?').all('node1@example.com')
    expect(watch.work).toEqual([{ sql: 'SELECT * FROM cert WHERE email = ?', rows: 1 }])
    const [plan] = database.prepare("EXPLAIN QUERY PLAN SELECT * FROM cert WHERE email = ''").all() as {
      detail: string
    }[]
    expect(plan?.detail).toContain('SCAN')
    database.close()
  })
})
