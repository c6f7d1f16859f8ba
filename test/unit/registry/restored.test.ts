import { X509Certificate } from 'node:crypto'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import { numberOfVersion, verifyVersion } from '../../../src/core/values/network-version.ts'
import { recordedClock } from '../../support/recorded-registry.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const DATABASE = fileURLToPath(new URL('../../vectors/registry-db/registry.db', import.meta.url))
const MANUAL = fileURLToPath(new URL('../../../docs/manual/re6st-registry.md', import.meta.url))
const pki = vectors<{ ca: string }>('pki.json')

it('what the manual says to do with a restored database makes a version that nodes take', async () => {
  const told = readFileSync(MANUAL, 'utf8').matchAll(/"(UPDATE config SET value = [^"]+)"/g)
  const statements = [...told].map(([, statement = '']) => statement).join(';')
  const databasePath = join(temporaryDirectory(), 'registry.db')
  copyFileSync(DATABASE, databasePath)
  const value = (name: string) => {
    const database = new Database(databasePath)
    const row = database.prepare('SELECT value, typeof(value) AS type FROM config WHERE name = ?').get(name)
    database.close()
    return row as { value: unknown; type: string }
  }
  const { value: serial } = value('serial')
  const database = new Database(databasePath)
  database.exec(statements)
  database.close()
  {
    await using _ = await testRegistry({ databasePath }, { clock: recordedClock })
  }
  const version = value('version').value as Buffer
  const { publicKey } = new X509Certificate(pki.ca)
  expect(verifyVersion(version, publicKey).ok).toBe(true)
  expect(numberOfVersion(version)).toEqual({ ok: true, value: 2_105_377n })
  expect(value('serial')).toEqual({ value: Number(serial) + 10_000, type: 'integer' })
})
