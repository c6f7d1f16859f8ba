import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { parseCommunities } from '../../../src/core/allocation/community.ts'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { Re6stError } from '../../../src/core/errors.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { cleanUpExpired } from '../../../src/registry/expiry.ts'
import { Ledger } from '../../../src/registry/ledger.ts'
import { recordedClock } from '../../support/recorded-registry.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { makeDatabase, type TestDatabase } from '../../support/registry-database.ts'
import { silentLog } from '../../support/silent-log.ts'
import { vectors } from '../../support/vectors.ts'

interface Certificate {
  serial: number
  ends_in_days: number
  subject_serial: string
}
interface Case {
  name: string
  grace_period: number
  registry_prefix: string
  starts: boolean
  after: { cert: [string, string | null, number | 'reserved' | null][]; token: string[]; crl: number[] }
  next_certificate?: { subnet_name: string; subject_serial: string; serial: number }
}
const { before, cases, starts } = vectors<{
  before: { cert: [string, string | null, Certificate | 'reserved' | null][]; token: [string, number][] }
  cases: Case[]
  starts: { name: string; communities?: string; starts: boolean }[]
}>('expiry.json')
const pki = vectors<{ csr: Record<string, string> }>('pki.json')

const LIVE = { serial: 1, endsInDays: 300 }
const fourBits = (isUsed: (prefix: string) => boolean): TestDatabase['rows'] =>
  Array.from({ length: 16 }, (_, n) => n.toString(2).padStart(4, '0')).map((prefix) => [
    prefix,
    null,
    isUsed(prefix) ? { ...LIVE, subjectSerial: 0 } : null,
  ])

/** Rows that only the name of a case tells. */
const ROWS: Readonly<Record<string, TestDatabase['rows']>> = {
  'all free: merged to one row': fourBits(() => false),
  'all free but one': fourBits((prefix) => prefix === '0110'),
  'free rows of several lengths': [
    ['00', null, null],
    ['010', null, null],
    ['0110', null, null],
    ['0111', null, null],
    ['1', null, { ...LIVE, subjectSerial: 1 }],
  ],
}

const recordedRows: TestDatabase['rows'] = before.cert.map(([prefix, email, state]) => [
  prefix,
  email,
  typeof state === 'object' && state !== null
    ? { serial: state.serial, endsInDays: state.ends_in_days, subjectSerial: Number(state.subject_serial) }
    : state,
])

/** What is in a database: certificates by their serial. */
function contentsOf(path: string): Case['after'] {
  const database = new Database(path, { readonly: true })
  const all = <Row>(sql: string) => database.prepare(sql).raw().all() as Row[]
  const contents: Case['after'] = {
    cert: all<[string, string | null, string | null]>(
      'SELECT prefix, email, cert FROM cert ORDER BY prefix',
    ).map(([prefix, email, cert]) => {
      const certificate = readNodeCertificate(cert ?? '')
      return [prefix, email, certificate.ok ? Number(certificate.value.serial) : (cert as 'reserved' | null)]
    }),
    token: all<[string]>('SELECT token FROM token ORDER BY token').flat(),
    crl: all<[number]>('SELECT serial FROM crl').flat(),
  }
  database.close()
  return contents
}

describe('what has expired is cleaned up at start, as recorded', () => {
  it.each(cases)('$name', async (one) => {
    const databasePath = await makeDatabase({
      rows: ROWS[one.name] ?? recordedRows,
      tokens: one.name in ROWS ? [] : before.token,
      registryPrefix: one.registry_prefix,
      lastSerial: 50,
    })
    const start = () =>
      testRegistry(
        {
          databasePath,
          gracePeriodMs: 1000 * one.grace_period,
          registration: { mailPrefixLength: 4, anonymousPrefixLength: 4 },
        },
        { clock: recordedClock },
      )
    if (!one.starts) {
      await expect(start()).rejects.toThrow(/registry's own node has expired: set the clock, or restore/)
      expect(contentsOf(databasePath)).toEqual(one.after)
      return
    }
    await using registry = await start()
    expect(contentsOf(databasePath)).toEqual(one.after)
    const pem = await new RegistryClient(registry.url).requestCertificate({
      token: '',
      csr: pki.csr['node-a'] ?? '',
    })
    expect(readNodeCertificate(pem ?? '')).toMatchObject({
      ok: true,
      value: {
        subnetName: one.next_certificate?.subnet_name,
        subjectSerial: Number(one.next_certificate?.subject_serial),
        serial: BigInt(one.next_certificate?.serial ?? 0),
      },
    })
  })
})

it('what cannot be removed, since nothing can be written, is removed the next time, and is held until then', async () => {
  const path = await makeDatabase({
    rows: [
      ['00', null, { serial: 1, endsInDays: 300, subjectSerial: 0 }],
      ['01', 'gone@example.com', { serial: 2, endsInDays: -300, subjectSerial: 1 }],
      ['1', null, { serial: 3, endsInDays: 300, subjectSerial: 2 }],
    ],
    lastSerial: 3,
  })
  await using store = await openStore(path)
  const ledger = new Ledger(store, 48)
  await ledger.learnChanges()
  const cleanUp = () => cleanUpExpired({ store, ledger, clock: recordedClock, log: silentLog }, 0, undefined)
  const before = contentsOf(path)
  new Database(path)
    .exec(
      "INSERT INTO token VALUES ('old', '', 4, 0); CREATE TRIGGER full BEFORE DELETE ON token BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    )
    .close()
  await expect(cleanUp()).rejects.toThrow('the disk is full')
  expect((await ledger.holderOfEmail('gone@example.com'))?.prefix).toBe('01')
  const reserve = () =>
    store.write((writable) => ledger.reserve(writable, { community: '', length: 2, nowMs: 0 }))
  await expect(reserve()).rejects.toThrow(/no prefix/)
  expect(contentsOf(path).cert).toEqual(before.cert)
  new Database(path).exec('DROP TRIGGER full').close()
  expect(await cleanUp()).toEqual(['01'])
  expect((await reserve()).prefix).toBe('01')
})

/** What a recorded start did to a good database before. */
const CHANGES: Readonly<Record<string, (path: string) => void>> = {
  'database with one more table': (path) => change(path, 'CREATE TABLE more (x)'),
  'database with one more index': (path) => change(path, 'CREATE INDEX more ON cert (email)'),
  'database with one more column': (path) => change(path, 'ALTER TABLE cert ADD COLUMN more'),
  'database with one more column in token': (path) => change(path, 'ALTER TABLE token ADD COLUMN more'),
  'database with a view and a trigger': (path) =>
    change(
      path,
      `CREATE VIEW emails AS SELECT email FROM cert;
       CREATE TRIGGER more AFTER DELETE ON token BEGIN SELECT 1; END`,
    ),
  'database in WAL mode, user_version set': (path) =>
    change(path, 'PRAGMA journal_mode = WAL; PRAGMA user_version = 7'),
  'database that is no database': (path) => writeFileSync(path, 'This is a text. '.repeat(500)),
  'empty file as database': (path) => writeFileSync(path, ''),
}
const change = (path: string, sql: string): void => void new Database(path).exec(sql).close()

/** Ours is stricter: a community that is no bit string could never be used. */
const STRICTER = 'not bits'

describe('a registry starts, or does not, as recorded', () => {
  it.each(starts)('$name', async ({ name, communities, starts: isFine }) => {
    const databasePath = join(temporaryDirectory(), 'registry.db')
    copyFileSync(new URL('../../vectors/registry-db/registry.db', import.meta.url), databasePath)
    if (communities === undefined) {
      expect(CHANGES).toHaveProperty([name])
      CHANGES[name]?.(databasePath)
    }
    const start = async () => {
      await using registry = await testRegistry(
        {
          databasePath,
          ...(communities === undefined ? {} : { communities: parseCommunities(communities) }),
        },
        { clock: recordedClock },
      )
      return await new RegistryClient(registry.url).getCa()
    }
    if (isFine && name !== STRICTER) expect(await start()).toContain('BEGIN CERTIFICATE')
    else
      await expect(start()).rejects.toSatisfy(
        (error) =>
          error instanceof Re6stError && error.code === 'FILE' && /--(db|community)/.test(error.message),
      )
  })
})
