import { X509Certificate } from 'node:crypto'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import { numberOfVersion, verifyVersion } from '../../../src/core/values/network-version.ts'
import { runRestore } from '../../../src/registry/commands/restore.ts'
import { recordedClock } from '../../support/recorded-registry.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const RECORDED = fileURLToPath(new URL('../../vectors/registry-db/registry.db', import.meta.url))
const pki = vectors<{ ca: string }>('pki.json')

const valueIn = (path: string, name: string) => {
  const database = new Database(path)
  const row = database.prepare('SELECT value, typeof(value) AS type FROM config WHERE name = ?').get(name)
  database.close()
  return row as { value: unknown; type: string }
}

const versionIn = (path: string): bigint => {
  const number = numberOfVersion(valueIn(path, 'version').value as Buffer)
  if (!number.ok) throw new Error(number.reason)
  return number.value
}

it('a restored database makes a version that nodes take, each time, and gives no serial number again', async () => {
  const path = join(temporaryDirectory(), 'registry.db')
  copyFileSync(RECORDED, path)
  let last = versionIn(path)
  let lastSerial = Number(valueIn(path, 'serial').value)
  for (let time = 0; time < 2; time++) {
    expect(await runRestore({ database: path, file: RECORDED, json: false })).toBe(0)
    {
      await using _ = await testRegistry({ databasePath: path }, { clock: recordedClock })
    }
    const { publicKey } = new X509Certificate(pki.ca)
    expect(verifyVersion(valueIn(path, 'version').value as Buffer, publicKey).ok).toBe(true)
    expect(versionIn(path)).toBeGreaterThan(last)
    last = versionIn(path)
    const serial = valueIn(path, 'serial')
    expect(serial.type).toBe('integer')
    expect(Number(serial.value)).toBeGreaterThan(lastSerial)
    lastSerial = Number(serial.value)
  }
})

it('a restored database is far ahead of a backup also where the one before is lost', async () => {
  const path = join(temporaryDirectory(), 'registry.db')
  expect(await runRestore({ database: path, file: RECORDED, json: false })).toBe(0)
  expect(versionIn(path)).toBeGreaterThan(versionIn(RECORDED) + 1_000_000n)
})
