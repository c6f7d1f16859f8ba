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
import { openStore } from '../../../../src/registry/database/open-store.ts'
import { POSTGRES_PROGRAMS, TestPostgres } from '../../../support/postgres.ts'
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

/** All rows of the tables of the Python implementation, with how SQLite keeps each value. */
function recordedRows(path: string): unknown {
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
    const [db, ca] = [newPath(), caFile()]
    const { status, text } = await run('import', recorded, '--db', db, '--ca', ca, '--json')
    expect({ status, ...(JSON.parse(text) as object) }).toMatchObject({ status: 0, findings: [] })
    expect(recordedRows(db)).toEqual(recordedRows(recorded))
    expect(readFileSync(recorded)).toEqual(before)
    expect(await run('check', '--db', db, '--ca', ca)).toMatchObject({ status: 0 })
  })

  it('goes on with its nodes', async () => {
    const [recorded = ''] = RECORDED
    const db = newPath()
    await run('import', recorded, '--db', db)
    await using registry = await testRegistry({ databasePath: db })
    const { version } = await configurationOfNodeA(registry.url)
    // Nodes take no version that is older than the one they have.
    expect(compareVersions(version, versionIn(recorded))).toBeGreaterThanOrEqual(0)
  })
})

it('a database with a network in it is not written over, and what is no database or unsound is not read', async () => {
  const [recorded = '', other = ''] = RECORDED
  const db = newPath()
  await run('import', recorded, '--db', db)
  const before = recordedRows(db)
  await expect(run('import', other, '--db', db)).rejects.toMatchObject({ code: 'CONFLICT' })
  expect(recordedRows(db)).toEqual(before)
  const text = join(temporaryDirectory(), 'text')
  writeFileSync(text, 'no database')
  await expect(run('import', text, '--db', newPath())).rejects.toMatchObject({ code: 'FILE' })
  const unsound = newPath()
  await run('import', recorded, '--db', unsound)
  const database = new Database(unsound)
  database.prepare("DELETE FROM cert WHERE prefix = '0000000000000001'").run()
  database.close()
  await expect(run('import', unsound, '--db', newPath())).rejects.toMatchObject({ code: 'FILE' })
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
      // Several events of a machine may be of one second.
      const number = table === 'machine_event' ? row >> 3 : row
      insert.run(columns.map(({ type }) => (type === 'TEXT' ? `text ${number}` : BigInt(number))))
    }
  }
  database.exec('COMMIT')
  database.close()
  return path
}

it('every table is copied, also where several rows have one key', async () => {
  const path = await fullDatabase()
  const copy = newPath()
  {
    await using from = await openStore(path)
    await using to = await openStore(copy)
    await copyStore(from, to)
  }
  const found = counts(path)
  // Machines whose certificates cannot be used are not listed.
  const empty = Object.entries(found).flatMap(([table, count]) => (count === 0 ? [table] : []))
  expect(empty).toEqual(['listed_machine', 'listed_version'])
  expect(counts(copy)).toEqual(found)
})

describe.skipIf(POSTGRES_PROGRAMS === undefined)('from SQLite to PostgreSQL and back', () => {
  it('nothing is lost, and the Python implementation can go on with it', async () => {
    await using postgres = await TestPostgres.start()
    const [recorded = ''] = RECORDED
    expect(await run('import', recorded, '--db', postgres.url)).toMatchObject({ status: 0 })
    await expect(run('import', recorded, '--db', postgres.url)).rejects.toMatchObject({ code: 'CONFLICT' })
    const unchanged = newPath()
    await run('import', postgres.url, '--db', unchanged)
    expect(recordedRows(unchanged)).toEqual(recordedRows(recorded))

    let given: Awaited<ReturnType<typeof enrol>>
    let version: Buffer
    {
      await using registry = await testRegistry({ databasePath: postgres.url })
      given = await enrol(registry.url)
      await fetch(`${registry.url}updateHMAC`)
      version = (await configurationOfNodeA(registry.url)).version
    }
    const back = newPath()
    const { status, text } = await run('import', postgres.url, '--db', back, '--ca', caFile(), '--json')
    expect({ status, ...(JSON.parse(text) as object) }).toMatchObject({ status: 0, findings: [] })
    await using registry = await testRegistry({ databasePath: back })
    expect((await configurationOfNodeA(registry.url)).version).toEqual(version)
    const next = await enrol(registry.url)
    expect(next.serial).toBe(given.serial + 1n)
    expect(next.prefix).not.toBe(given.prefix)
  })

  it('with each table full', async () => {
    await using postgres = await TestPostgres.start()
    const path = await fullDatabase()
    const copy = newPath()
    {
      await using from = await openStore(path)
      await using there = await openStore(postgres.url)
      await copyStore(from, there)
      await using to = await openStore(copy)
      await copyStore(there, to)
    }
    expect(counts(copy)).toEqual(counts(path))
  })
})
