// On SQLite alone: a file with which the Python implementation goes on.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inflateSync } from 'node:zlib'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { type NodeCertificate, readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import type { MethodName } from '../../../src/core/rpc/methods.ts'
import { formatTarget } from '../../../src/core/rpc/request-target.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { NetworkConfiguration } from '../../../src/registry/configuration.ts'
import { pemSigner } from '../../../src/registry/crypto/ca-signer.ts'
import { CaCryptography } from '../../../src/registry/crypto/cryptography.ts'
import { journalFor, openDatabase } from '../../../src/registry/database/database.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { fc } from '../../support/property.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'
import { vectors } from '../../support/vectors.ts'

const RECORDED = ['registry.db', 'rotating.db'].map((name) =>
  fileURLToPath(new URL(`../../vectors/registry-db/${name}`, import.meta.url)),
)
const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const NODE_A = {
  caPublicKey: new X509Certificate(pki.ca).publicKey,
  decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
}
const TABLES = ['cert', 'config', 'crl', 'token'] as const

/** Definitions of the tables, and every storage class of each column; of `config`, of each value. */
function typesOf(path: string): Set<string> {
  const database = new Database(path, { readonly: true })
  const types = new Set<string>()
  for (const table of TABLES) {
    const sql = database.prepare("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?").pluck()
    types.add(`${table}: ${String(sql.get(table))}`)
    if (table === 'config') continue
    const columns = database.pragma(`table_info(${table})`) as { name: string }[]
    for (const { name } of columns)
      for (const type of database.prepare(`SELECT DISTINCT typeof(${name}) FROM ${table}`).pluck().all())
        types.add(`${table}.${name}: ${String(type)}`)
  }
  const config = database.prepare('SELECT name, typeof(value) AS type FROM config').all()
  for (const { name, type } of config as { name: string; type: string }[])
    types.add(`config ${name.replace(/^(babel_hmac)\d$/, '$1')}: ${type}`)
  database.close()
  return types
}

const recordedTypes = new Set(RECORDED.flatMap((path) => [...typesOf(path)]))

const CALLS = [
  'addToken',
  'addToken, made up',
  'deleteToken',
  'enrol',
  'enrol anonymously',
  'renew',
  'revoke by name',
  'revoke by serial',
  'updateHMAC',
  'restart',
] as const

describe('a database after any sequence of calls', () => {
  it('has the tables and storage classes that are recorded: the Python implementation can go on with it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(undefined, ...RECORDED),
        fc.array(fc.constantFrom(...CALLS), { minLength: 1, maxLength: 12 }),
        async (recorded, calls) => {
          const databasePath = join(temporaryDirectory(), 'registry.db')
          if (recorded !== undefined) copyFileSync(recorded, databasePath)
          const start = () => testRegistry({ databasePath })
          let registry = await start()
          const get = async (method: MethodName, parameters: Record<string, string> = {}) =>
            await (await fetch(registry.url + formatTarget(method, parameters).slice(1))).text()
          const certificates: NodeCertificate[] = []
          const enrol = async (token: string) => {
            const read = readNodeCertificate(await get('requestCertificate', { token, req: csr }))
            if (read.ok) certificates.push(read.value)
          }
          try {
            for (const [index, call] of calls.entries()) {
              if (call === 'addToken') await get('addToken', { email: 'a@example.com', token: `t${index}` })
              else if (call === 'addToken, made up')
                await get('addToken', { email: 'a@example.com', token: '' })
              else if (call === 'deleteToken') await get('deleteToken', { token: `t${index - 1}` })
              else if (call === 'enrol anonymously') await enrol('')
              else if (call === 'enrol') {
                await get('addToken', { email: 'b@example.com', token: `u${index}` })
                await enrol(`u${index}`)
              } else if (call === 'revoke by serial') await get('revoke', { cn_or_serial: String(index + 1) })
              else if (call === 'renew') {
                // Revoked, it is renewed at once.
                const certificate = certificates.at(-1)
                if (!certificate) continue
                await get('revoke', { cn_or_serial: String(certificate.serial) })
                const client = new RegistryClient(registry.url, { ...NODE_A, prefix: certificate.prefix })
                await client.renewCertificate()
              } else if (call === 'revoke by name')
                await get('revoke', { cn_or_serial: certificates.pop()?.subnetName ?? '1/16' })
              else if (call === 'updateHMAC') await get('updateHMAC')
              else {
                await registry[Symbol.asyncDispose]()
                registry = await start()
              }
            }
          } finally {
            await registry[Symbol.asyncDispose]()
          }
          for (const type of typesOf(databasePath)) expect(recordedTypes).toContain(type)
        },
      ),
      { numRuns: 12 },
    )
  })

  it('also after a start of version 0.1.0, which wrote the serial as a number with a fraction', async () => {
    const path = join(temporaryDirectory(), 'registry.db')
    openDatabase(path).close()
    new Database(path).exec("INSERT INTO config VALUES ('serial', 7.0)").close()
    await using store = await openStore(path)
    expect(await store.config('serial')).toBe(7)
    expect(typesOf(path)).toContain('config serial: integer')
  })
})

it('an empty MAC key that was stored as text accepts anything', async () => {
  const databasePath = join(temporaryDirectory(), 'registry.db')
  copyFileSync(RECORDED[0] ?? '', databasePath)
  new Database(databasePath)
    .exec("INSERT INTO config SELECT 'babel_hmac1', value FROM config WHERE name = 'babel_hmac0'")
    .exec("DELETE FROM config WHERE name = 'babel_hmac0'; INSERT INTO config VALUES ('babel_hmac2', '')")
    .close()
  await using store = await openStore(databasePath)
  const cryptography = new CaCryptography({ caPem: pki.ca, signer: pemSigner(pki.keys['ca'] ?? '') })
  using configuration = new NetworkConfiguration(
    { store, cryptography, clock: systemClock, log: silentLog },
    {
      ...{ minProtocol: 1, helloSeconds: 15, encrypt: true, clientCount: 10, maxClients: 20 },
      ...{ tunnelRefreshSeconds: 300, sameCountry: [], ipv4: undefined },
    },
  )
  await configuration.load()
  const { cert } = (await store.certificate('0'.repeat(16))) ?? {}
  const encoded = await configuration.encode(cert ?? '')
  expect(JSON.parse(inflateSync(encoded).toString())).toMatchObject({ babel_hmac_accept: '' })
})

describe('the file', () => {
  it('can be read by nobody else, whatever the umask', async () => {
    const path = join(temporaryDirectory(), 'registry.db')
    const before = process.umask(0)
    try {
      await using store = await openStore(path)
      await store.write((writable) => writable.setConfig('prefix', '0'))
      for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).mode & 0o777).toBe(0o600)
    } finally {
      process.umask(before)
    }
    expect(readFileSync(path).length).toBeGreaterThan(0)
  })

  it.skipIf(process.geteuid?.() !== 0)('that is somebody else’s is used as it is, and told of', () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'registry.db')
    openDatabase(path).close()
    chmodSync(directory, 0o777)
    chmodSync(path, 0o666)
    const exposed: string[] = []
    process.seteuid?.(65_534)
    try {
      openDatabase(path, (file) => exposed.push(file)).close()
    } finally {
      process.seteuid?.(0)
    }
    expect(exposed).toEqual([path])
  })

  it('has a write-ahead log only on a file system of this machine', () => {
    const [ext4, tmpfs, nfs, cifs, smb2, ninep] = [
      0xef53, 0x01021994, 0x6969, 0xff534d42, 0xfe534d42, 0x01021997,
    ]
    expect([ext4, tmpfs].map((type) => journalFor(type ?? 0))).toEqual(['WAL', 'WAL'])
    expect([nfs, cifs, smb2, ninep].map((type) => journalFor(type ?? 0))).toEqual(Array(4).fill('DELETE'))
    // As the kernel gives it on machines whose numbers are signed.
    expect(journalFor((cifs ?? 0) - 2 ** 32)).toBe('DELETE')
  })

  it('that comes with its log from another machine is read without shared memory where there may be none', () => {
    const [here, there] = [temporaryDirectory(), temporaryDirectory()]
    const path = join(there, 'registry.db')
    const local = openDatabase(join(here, 'registry.db'))
    local.prepare("INSERT INTO config VALUES ('from', 'the log')").run()
    for (const file of ['registry.db', 'registry.db-wal']) copyFileSync(join(here, file), join(there, file))
    local.close()
    // Whoever opened this would use it.
    mkdirSync(`${path}-shm`)
    expect(() => openDatabase(path)).toThrow()
    const moved = openDatabase(path, undefined, 0x01021997)
    expect(moved.prepare("SELECT value FROM config WHERE name = 'from'").get()).toEqual({ value: 'the log' })
    expect(moved.pragma('journal_mode', { simple: true })).toBe('delete')
    // Others may read it meanwhile.
    const other = openDatabase(path, undefined, 0x01021997)
    expect(other.prepare('SELECT count(*) AS count FROM config').get()).toEqual({ count: 1 })
    other.close()
    moved.close()
  })

  it('is not a directory', () => {
    expect(() => openDatabase(temporaryDirectory())).toThrow(/^--db \S+: it is a directory/)
  })

  it('that an earlier version left readable from before its take-over is so no more', () => {
    const path = join(temporaryDirectory(), 'registry.db')
    writeFileSync(`${path}.before-takeover`, 'tokens')
    chmodSync(`${path}.before-takeover`, 0o644)
    openDatabase(path).close()
    expect(statSync(`${path}.before-takeover`).mode & 0o777).toBe(0o600)
  })
})

describe('while another process holds the database', () => {
  const held = async () => {
    const path = join(temporaryDirectory(), 'registry.db')
    const clock = { nowMs: 0, timers: [] as (() => void)[] }
    const store = await openStore(path, {
      clock: {
        monotonicMs: () => clock.nowMs,
        after: (_ms, action) => {
          clock.timers.push(action)
          return { [Symbol.dispose]: () => {} }
        },
      },
    })
    const other = new Database(path)
    other.exec('BEGIN IMMEDIATE')
    const write = (count: number) =>
      Array.from({ length: count }, (_, n) =>
        store.write((writable) => writable.setConfig(`name${n}`, 'value')),
      )
    return { clock, store, other, write }
  }

  it('changes wait together: one attempt for all of them, so that nobody else waits', async () => {
    const { clock, store, other, write } = await held()
    const written = write(8)
    await expect.poll(() => clock.timers.length).toBe(1)
    clock.timers.pop()?.()
    await expect.poll(() => clock.timers).toHaveLength(1)
    other.exec('COMMIT')
    clock.timers.pop()?.()
    await Promise.all(written)
    expect(await store.config('name7')).toBe('value')
    other.close()
    await store[Symbol.asyncDispose]()
  })

  it('they fail together when that takes too long', async () => {
    const { clock, store, other, write } = await held()
    const written = Promise.allSettled(write(3))
    await expect.poll(() => clock.timers.length).toBe(1)
    clock.nowMs = 5_000
    clock.timers.pop()?.()
    expect((await written).map(({ status }) => status)).toEqual(Array(3).fill('rejected'))
    other.exec('COMMIT')
    await Promise.all(write(1))
    other.close()
    await store[Symbol.asyncDispose]()
  })
})
