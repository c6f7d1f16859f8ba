import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { readNetworkConfig } from '../../../../src/core/config/network-config.ts'
import { readNodeCertificate } from '../../../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../../../src/core/crypto/rsa.ts'
import { compareVersions } from '../../../../src/core/values/network-version.ts'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { RegistryClient } from '../../../../src/platform/registry-client.ts'
import { copyStore } from '../../../../src/registry/database/copy-store.ts'
import { isPostgresUrl, openStore } from '../../../../src/registry/database/open-store.ts'
import { databaseWith, emptyDatabase } from '../../../support/databases.ts'
import { temporaryDirectory, testRegistry } from '../../../support/registry.ts'
import { runRegistryCommand as run } from '../../../support/registry-command.ts'
import { vectors } from '../../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const caPublicKey = new X509Certificate(pki.ca).publicKey
const decrypt = makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? ''))
/** That of the recorded node whose key we have. */
const NODE_A = prefixOfBits('0000000000000001')
const RECORDED = ['registry.db', 'rotating.db'].map((name) =>
  fileURLToPath(new URL(`../../../vectors/registry-db/${name}`, import.meta.url)),
)
const PYTHON_TABLES = ['config', 'token', 'cert', 'crl']
/** What is of processes that run, and of SQLite and the migrations themselves. */
const NOT_COPIED = /^(session|committed|admin_session|kysely_.*|sqlite_.*)$/

const newPath = (): string => join(temporaryDirectory(), 'registry.db')

function caFile(): string {
  const path = join(temporaryDirectory(), 'ca.crt')
  writeFileSync(path, pki.ca)
  return path
}

/** The file of SQLite that a database is, or is copied to. */
async function fileOf(database: string): Promise<string> {
  if (!isPostgresUrl(database)) return database
  const file = newPath()
  await run('import', database, '--db', file)
  return file
}

/** All rows of the tables of the Python implementation, with how SQLite keeps each value. */
async function recordedRows(place: string): Promise<unknown> {
  const path = await fileOf(place)
  const database = new Database(path, { readonly: true })
  const rows = PYTHON_TABLES.map((table) => {
    const columns = (database.pragma(`table_info(${table})`) as { name: string }[]).map(({ name }) => name)
    const types = columns.map((name) => `typeof(${name}) AS type_${name}`)
    return database.prepare(`SELECT *, ${types.join(', ')} FROM ${table} ORDER BY 1`).all()
  })
  database.close()
  return rows
}

/** Tables of a database of SQLite that have rows, with how many. */
function counts(path: string): Record<string, number> {
  const database = new Database(path, { readonly: true })
  const names = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").pluck()
  const found = (names.all() as string[])
    .filter((name) => !NOT_COPIED.test(name))
    .map((name) => [name, Number(database.prepare(`SELECT COUNT(*) FROM ${name}`).pluck().get())] as const)
  database.close()
  return Object.fromEntries(found)
}

const enrol = async (url: string) => {
  const certificate = readNodeCertificate(
    (await new RegistryClient(url).requestCertificate({ token: '', csr })) ?? '',
  )
  if (!certificate.ok) throw new Error(certificate.reason)
  return certificate.value
}

/** What a node of the network gets, which goes on as if nothing had happened. */
async function configurationOfNodeA(url: string) {
  const client = new RegistryClient(url, { prefix: NODE_A, caPublicKey, decrypt })
  const received = readNetworkConfig(await client.getNetworkConfig(), { caPublicKey, decrypt })
  if (!received.ok) throw new Error(received.reason)
  return received.value
}

const versionIn = (path: string): Buffer => {
  const database = new Database(path, { readonly: true })
  const version = database.prepare("SELECT value FROM config WHERE name = 'version'").pluck().get()
  database.close()
  return version as Buffer
}

describe('a database of the Python implementation', () => {
  it.each(RECORDED)('is imported as it is, and is not changed: %s', async (recorded) => {
    const before = readFileSync(recorded)
    const [db, ca] = [await emptyDatabase(), caFile()]
    const { status, text } = await run('import', recorded, '--db', db, '--ca', ca, '--json')
    expect({ status, ...(JSON.parse(text) as object) }).toMatchObject({ status: 0, findings: [] })
    expect(await recordedRows(db)).toEqual(await recordedRows(recorded))
    expect(readFileSync(recorded)).toEqual(before)
    expect(await run('check', '--db', db, '--ca', ca)).toMatchObject({ status: 0 })
  })

  it('goes on with its nodes', async () => {
    const [recorded = ''] = RECORDED
    const db = await emptyDatabase()
    await run('import', recorded, '--db', db)
    await using registry = await testRegistry({ databasePath: db })
    const { version } = await configurationOfNodeA(registry.url)
    // Nodes take no version that is older than the one they have.
    expect(compareVersions(version, versionIn(recorded))).toBeGreaterThanOrEqual(0)
  })
})

it('a database with a network in it is not written over, and what is no database or unsound is not read', async () => {
  const [recorded = '', other = ''] = RECORDED
  const db = await emptyDatabase()
  await run('import', recorded, '--db', db)
  const before = await recordedRows(db)
  await expect(run('import', other, '--db', db)).rejects.toMatchObject({ code: 'CONFLICT' })
  expect(await recordedRows(db)).toEqual(before)
  const text = join(temporaryDirectory(), 'text')
  writeFileSync(text, 'no database')
  await expect(run('import', text, '--db', await emptyDatabase())).rejects.toMatchObject({ code: 'FILE' })
  const unsound = await databaseWith(recorded)
  {
    await using store = await openStore(unsound)
    await store.write((writable) => writable.run("DELETE FROM cert WHERE prefix = '0000000000000001'"))
  }
  await expect(run('import', unsound, '--db', await emptyDatabase())).rejects.toMatchObject({ code: 'FILE' })
})

/** A database with some rows in each table: what of them is the same in all must not get lost. */
async function fullDatabase(): Promise<string> {
  const path = newPath()
  await run('import', RECORDED[0] ?? '', '--db', path)
  await (await openStore(path))[Symbol.asyncDispose]()
  const database = new Database(path)
  database.exec('BEGIN')
  for (const [table, count] of Object.entries(counts(path))) {
    if (count > 0 && table !== 'cert_changed') continue
    // Triggers keep it.
    if (table.endsWith('_count') || table.startsWith('listed_')) continue
    const columns = database.pragma(`table_info(${table})`) as { type: string }[]
    const insert = database.prepare(`INSERT INTO ${table} VALUES (${columns.map(() => '?').join(', ')})`)
    for (let row = 1; row <= 1_203; row++) {
      // Several events of a machine may be of one second, in whatever order.
      const number = table === 'machine_event' ? row >> 3 : row
      const values = columns.map(({ type }) => (type === 'TEXT' ? `text ${number}` : BigInt(number)))
      insert.run(table === 'machine_event' ? values.with(-1, `text ${(row * 7) % 1_203}`) : values)
    }
  }
  database.exec('COMMIT')
  database.close()
  return path
}

/** What has happened, in its order. */
function events(path: string): unknown[] {
  const database = new Database(path, { readonly: true })
  const rows = database.prepare('SELECT * FROM machine_event ORDER BY prefix, date, rowid').all()
  database.close()
  return rows
}

it('every table is copied, and back, also where several rows have one key', async () => {
  const path = await fullDatabase()
  const copy = newPath()
  {
    await using from = await openStore(path)
    await using there = await openStore(await emptyDatabase())
    await copyStore(from, there)
    await using to = await openStore(copy)
    await copyStore(there, to)
  }
  const found = counts(path)
  // Machines whose certificates cannot be used are not listed.
  const empty = Object.entries(found).flatMap(([table, count]) => (count === 0 ? [table] : []))
  expect(empty).toEqual(['listed_machine', 'listed_version'])
  expect(counts(copy)).toEqual(found)
  expect(events(copy)).toEqual(events(path))
})

it('nothing is lost on the way there and back, and the Python implementation can go on with it', async () => {
  const [recorded = ''] = RECORDED
  const there = await emptyDatabase()
  expect(await run('import', recorded, '--db', there)).toMatchObject({ status: 0 })
  await expect(run('import', recorded, '--db', there)).rejects.toMatchObject({ code: 'CONFLICT' })
  const unchanged = newPath()
  await run('import', there, '--db', unchanged)
  expect(await recordedRows(unchanged)).toEqual(await recordedRows(recorded))

  let given: Awaited<ReturnType<typeof enrol>>
  let version: Buffer
  {
    await using registry = await testRegistry({ databasePath: there })
    given = await enrol(registry.url)
    await fetch(`${registry.url}updateHMAC`)
    version = (await configurationOfNodeA(registry.url)).version
  }
  const back = newPath()
  const { status, text } = await run('import', there, '--db', back, '--ca', caFile(), '--json')
  expect({ status, ...(JSON.parse(text) as object) }).toMatchObject({ status: 0, findings: [] })
  await using registry = await testRegistry({ databasePath: back })
  expect((await configurationOfNodeA(registry.url)).version).toEqual(version)
  const next = await enrol(registry.url)
  expect(next.serial).toBe(given.serial + 1n)
  expect(next.prefix).not.toBe(given.prefix)
})
