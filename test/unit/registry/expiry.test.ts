import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { parseCommunities } from '../../../src/core/allocation/community.ts'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { Re6stError } from '../../../src/core/errors.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { isPostgresUrl, openStore } from '../../../src/registry/database/open-store.ts'
import type { CertificateRow } from '../../../src/registry/database/tables.ts'
import { cleanUpExpired } from '../../../src/registry/expiry.ts'
import { Ledger } from '../../../src/registry/ledger.ts'
import {
  changeIn,
  DATABASE_KIND,
  databaseWith,
  holdDatabaseClock,
  refuseChanges,
} from '../../support/databases.ts'
import { recordedClock } from '../../support/recorded-registry.ts'
import { testRegistry } from '../../support/registry.ts'
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
const RECORDED = fileURLToPath(new URL('../../vectors/registry-db/registry.db', import.meta.url))
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
async function contentsOf(path: string): Promise<Case['after']> {
  await using store = await openStore(path)
  const rows = await store.all<CertificateRow>('SELECT prefix, email, cert FROM cert ORDER BY prefix')
  const tokens = await store.all<{ token: string }>('SELECT token FROM token ORDER BY token')
  const crl = await store.all<{ serial: number }>('SELECT serial FROM crl')
  return {
    cert: rows.map(({ prefix, email, cert }) => {
      const certificate = readNodeCertificate(cert ?? '')
      return [prefix, email, certificate.ok ? Number(certificate.value.serial) : (cert as 'reserved' | null)]
    }),
    token: tokens.map(({ token }) => token),
    crl: crl.map(({ serial }) => serial),
  }
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
      expect(await contentsOf(databasePath)).toEqual(one.after)
      return
    }
    await using registry = await start()
    expect(await contentsOf(databasePath)).toEqual(one.after)
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
  holdDatabaseClock(recordedClock)
  await using store = await openStore(path)
  const ledger = new Ledger(store, 48)
  await ledger.learnChanges()
  const cleanUp = () => cleanUpExpired({ store, ledger, clock: recordedClock, log: silentLog }, 0, undefined)
  const before = await contentsOf(path)
  await changeIn(path, "INSERT INTO token VALUES ('old', '', 4, 0)")
  const allow = await refuseChanges(path, 'BEFORE DELETE ON token')
  await expect(cleanUp()).rejects.toThrow('the disk is full')
  expect((await ledger.holderOfEmail('gone@example.com'))?.prefix).toBe('01')
  const reserve = () =>
    store.write((writable) => ledger.reserve(writable, { community: '', length: 2, nowMs: 0 }))
  await expect(reserve()).rejects.toThrow(/no prefix/)
  expect((await contentsOf(path)).cert).toEqual(before.cert)
  await allow()
  expect(await cleanUp()).toEqual(['01'])
  expect((await reserve()).prefix).toBe('01')
})

const change = async (database: string, ...statements: string[]): Promise<void> => {
  if (isPostgresUrl(database)) await changeIn(database, ...statements)
  // As the Python implementation has left it otherwise: nobody of ours has opened it.
  else new Database(database).exec(statements.join('; ')).close()
}

/** What a recorded start did to a good database before. */
const CHANGES: Readonly<Record<string, (database: string) => Promise<void>>> = {
  'database with one more table': (database) => change(database, 'CREATE TABLE more (x TEXT)'),
  'database with one more index': (database) => change(database, 'CREATE INDEX more ON cert (email)'),
  'database with one more column': (database) => change(database, 'ALTER TABLE cert ADD COLUMN more TEXT'),
  'database with one more column in token': (database) =>
    change(database, 'ALTER TABLE token ADD COLUMN more TEXT'),
  'database with a view and a trigger': (database) =>
    change(
      database,
      'CREATE VIEW emails AS SELECT email FROM cert',
      isPostgresUrl(database)
        ? 'CREATE TRIGGER more BEFORE UPDATE ON token FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'
        : 'CREATE TRIGGER more AFTER DELETE ON token BEGIN SELECT 1; END',
    ),
}

/** Of a database that is a file. */
const FILE_CHANGES: typeof CHANGES = {
  'database in WAL mode, user_version set': (file) =>
    change(file, 'PRAGMA journal_mode = WAL', 'PRAGMA user_version = 7'),
  'database that is no database': async (file) => writeFileSync(file, 'This is a text. '.repeat(500)),
  'empty file as database': async (file) => writeFileSync(file, ''),
}

/** Ours is stricter: a community that is no bit string could never be used. */
const STRICTER = 'not bits'

describe('a registry starts, or does not, as recorded', () => {
  const ofThisKind = starts.filter(({ name }) => DATABASE_KIND === 'SQLite' || !(name in FILE_CHANGES))
  it.each(ofThisKind)('$name', async ({ name, communities, starts: isFine }) => {
    const databasePath = await databaseWith(RECORDED)
    if (communities === undefined) {
      const changes = { ...CHANGES, ...FILE_CHANGES }
      expect(changes).toHaveProperty([name])
      await changes[name]?.(databasePath)
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
