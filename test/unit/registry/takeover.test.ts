import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const file = (name: string) => new URL(`../../vectors/registry-db/${name}`, import.meta.url)
const pki = vectors<{ csr: Record<string, string> }>('pki.json')

interface Expected {
  config: { serial: number; prefix: string }
  cert: { prefix: string; cert: { serial: number; subject_serial: string } | string | null }[]
}

describe('a database of the Python implementation', () => {
  it.each([
    ['registry.db', 'registry-db/expected.json'],
    ['rotating.db', 'registry-db/rotating-expected.json'],
  ])('%s is taken over after a copy, and keeps working', async (name, expectedName) => {
    const expected = vectors<Expected>(expectedName)
    const databasePath = join(temporaryDirectory(), 'registry.db')
    copyFileSync(file(name), databasePath)
    const rows = (path: string) => {
      const database = new Database(path, { readonly: true })
      const all = {
        cert: database
          .prepare('SELECT prefix, email, cert FROM cert WHERE cert NOT NULL ORDER BY prefix')
          .all(),
        schema: database
          .prepare("SELECT sql FROM sqlite_master WHERE type = 'table' ORDER BY name")
          .pluck()
          .all(),
      }
      database.close()
      return all
    }
    const before = rows(databasePath)
    // What a crash during the copy would leave.
    writeFileSync(`${databasePath}.before-takeover.new`, 'half of a copy')
    {
      await using registry = await testRegistry({
        databasePath,
        caPem: readFileSync(file('ca.crt'), 'utf8'),
        caKeyPem: readFileSync(file('ca.key'), 'utf8'),
      })
      expect(existsSync(`${databasePath}.before-takeover`)).toBe(true)
      const pem = await new RegistryClient(registry.url).requestCertificate({
        token: '',
        csr: pki.csr['node-a'] ?? '',
      })
      const certificate = readNodeCertificate(pem ?? '')
      const used = new Set(
        expected.cert.map(({ cert }) =>
          typeof cert === 'object' && cert ? Number(cert.subject_serial) : -1,
        ),
      )
      const smallestFree = Array.from({ length: used.size + 1 }, (_, n) => n).find((n) => !used.has(n))
      expect(certificate).toMatchObject({
        ok: true,
        value: { serial: BigInt(expected.config.serial + 1), subjectSerial: smallestFree },
      })
    }
    const after = rows(databasePath)
    expect(after.schema).toEqual(before.schema)
    expect(after.cert).toHaveLength(before.cert.length + 1)
    for (const row of before.cert) expect(after.cert).toContainEqual(row)
    expect(rows(`${databasePath}.before-takeover`).cert).toEqual(before.cert)
    expect(existsSync(`${databasePath}.before-takeover.new`)).toBe(false)
  })

  it('is refused when its tables were changed', async () => {
    const databasePath = join(temporaryDirectory(), 'registry.db')
    new Database(databasePath).exec('CREATE TABLE cert (prefix TEXT, other TEXT)').close()
    await expect(testRegistry({ databasePath })).rejects.toThrow(/its table cert is not a registry's/)
  })
})
