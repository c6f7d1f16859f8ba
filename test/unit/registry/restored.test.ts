import { X509Certificate } from 'node:crypto'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { numberOfVersion, verifyVersion } from '../../../src/core/values/network-version.ts'
import { runRestore } from '../../../src/registry/commands/restore.ts'
import { readSnapshot } from '../../../src/registry/database/snapshot.ts'
import { DATABASE_KIND, databaseWith, emptyDatabase, rowsIn } from '../../support/databases.ts'
import { recordedClock } from '../../support/recorded-registry.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const RECORDED = fileURLToPath(new URL('../../vectors/registry-db/registry.db', import.meta.url))
const pki = vectors<{ ca: string }>('pki.json')

/** Where what was there before may be kept beside it. */
function backupFile(): string {
  const file = join(temporaryDirectory(), 'backup')
  copyFileSync(RECORDED, file)
  return file
}

const valueIn = (database: string, name: string) =>
  readSnapshot({ database, option: '--db' }, (snapshot) => snapshot.config(name))

const versionIn = async (database: string): Promise<bigint> => {
  const number = numberOfVersion((await valueIn(database, 'version')) as Buffer)
  if (!number.ok) throw new Error(number.reason)
  return number.value
}

it('a restored database makes a version that nodes take, each time, and gives no serial number again', async () => {
  const path = await databaseWith(RECORDED)
  let last = await versionIn(path)
  let lastSerial = Number(await valueIn(path, 'serial'))
  const backup = backupFile()
  for (let time = 0; time < 2; time++) {
    expect(await runRestore({ database: path, file: backup, json: false })).toBe(0)
    {
      await using _ = await testRegistry({ databasePath: path }, { clock: recordedClock })
    }
    const { publicKey } = new X509Certificate(pki.ca)
    expect(verifyVersion((await valueIn(path, 'version')) as Buffer, publicKey).ok).toBe(true)
    expect(await versionIn(path)).toBeGreaterThan(last)
    last = await versionIn(path)
    const serial = Number(await valueIn(path, 'serial'))
    expect(serial).toBeGreaterThan(lastSerial)
    // The Python implementation counts on from there.
    if (DATABASE_KIND === 'SQLite')
      expect(await rowsIn(path, "SELECT typeof(value) AS type FROM config WHERE name = 'serial'")).toEqual([
        { type: 'integer' },
      ])
    lastSerial = serial
  }
})

it('a restored database is far ahead of a backup also where the one before is lost', async () => {
  const path = await emptyDatabase()
  expect(await runRestore({ database: path, file: backupFile(), json: false })).toBe(0)
  expect(await versionIn(path)).toBeGreaterThan((await versionIn(RECORDED)) + 1_000_000n)
})
