import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { pemSigner } from '../../../src/registry/crypto/ca-signer.ts'
import { readSnapshot } from '../../../src/registry/database/snapshot.ts'
import { changeIn, DATABASE_KIND, databaseWith, emptyDatabase, rowsIn } from '../../support/databases.ts'
import { testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const file = (name: string) => fileURLToPath(new URL(`../../vectors/registry-db/${name}`, import.meta.url))
const pki = vectors<{ csr: Record<string, string> }>('pki.json')

/** A certificate with an elliptic key, as the Python implementation signed them: no session can be made with it. */
const ELLIPTIC = `-----BEGIN CERTIFICATE-----
MIICHTCCAQUCAREwDQYJKoZIhvcNAQENBQAwWTELMAkGA1UEBhMCRlIxEDAOBgNV
BAoMB0V4YW1wbGUxFjAUBgNVBAMMDXJlNnN0IHRlc3QgQ0ExIDAeBgkqhkiG9w0B
CQEWEXJlNnN0QGV4YW1wbGUuY29tMB4XDTI2MTEyNzIxMTc1NVoXDTM2MTEyNDIx
MTc1NVowGzEKMAgGA1UEBRMBNTENMAsGA1UEAwwEMy8xNjBZMBMGByqGSM49AgEG
CCqGSM49AwEHA0IABMYFa12NomNVGDP1WL6jaRYfYqSYrUlFHE28b2bRnU1RW7jN
OGYX7zUbbOKiPdqnU7mmnvVvm9WhfZmf/dIiU14wDQYJKoZIhvcNAQENBQADggEB
AIzf8vSZ7UlcdWUXMSBioUnT8zNoz5qqCx0DebCmcF7onbU2cpx0A7bn9hsyvYxw
e/cOasjYpFPGa4lhylYJRzyn0+l14u6XiVUQ2RxWN1jPgYSlkRRwQbH5Vs+TTm2r
hmVKqPCYcAVYThXbz+vEC0BjrTSOJmh3FbElPpHWtGFJ8eBwNTRxfFTUjtK+lEtF
I5Vd87QS8PtUPZwB6QkXhg9UdXcvRi/X2FsNJ2MrthMmJUl0UjbHabFvsNfw8rja
PA+DT4WovJS5A3H837FA1a+m+OmEC+sV2DunFTXXRSuzFB2zNtgKQl6SGcwjw8rh
OSQ/WsSXAGW2hUNObuPFwjs=
-----END CERTIFICATE-----
`

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
    const databasePath = await databaseWith(file(name))
    const certificates = (database: string) =>
      readSnapshot({ database, option: '--db' }, (snapshot) =>
        snapshot.all('SELECT prefix, email, cert FROM cert WHERE cert IS NOT NULL ORDER BY prefix'),
      )
    const before = await certificates(file(name))
    {
      await using registry = await testRegistry({
        databasePath,
        caPem: readFileSync(file('ca.crt'), 'utf8'),
        signer: pemSigner(readFileSync(file('ca.key'), 'utf8')),
      })
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
    const after = await certificates(databasePath)
    expect(after).toHaveLength(before.length + 1)
    for (const row of before) expect(after).toContainEqual(row)
  })

  // One that is moved to a server is there still.
  it.runIf(DATABASE_KIND === 'SQLite').each(['registry.db', 'rotating.db'])(
    '%s is copied before, and its tables stay as they are',
    async (name) => {
      const databasePath = await databaseWith(file(name))
      const contents = (path: string) => {
        const database = new Database(path, { readonly: true })
        const [cert, schema] = [
          'SELECT prefix, email, cert FROM cert WHERE cert NOT NULL ORDER BY prefix',
          "SELECT sql FROM sqlite_master WHERE name IN ('config', 'token', 'cert', 'crl') ORDER BY name",
        ].map((sql) => database.prepare(sql).all())
        database.close()
        return { cert, schema }
      }
      const before = contents(databasePath)
      // What a crash during the copy would leave.
      writeFileSync(`${databasePath}.before-takeover.re6st-new`, 'half of a copy')
      await (await testRegistry({ databasePath }))[Symbol.asyncDispose]()
      expect(contents(databasePath).schema).toEqual(before.schema)
      expect(contents(`${databasePath}.before-takeover`)).toEqual(before)
      expect(existsSync(`${databasePath}.before-takeover.re6st-new`)).toBe(false)
      // Tokens and MAC keys are in both.
      for (const path of [databasePath, `${databasePath}.before-takeover`])
        expect(statSync(path).mode & 0o777).toBe(0o600)
    },
  )

  it('with rows that nobody can read is served on: their prefixes stay occupied', async () => {
    const databasePath = await databaseWith(file('registry.db'))
    const prefixes = (
      await rowsIn<{ prefix: string }>(
        databasePath,
        "SELECT prefix FROM cert WHERE cert LIKE '-----BEGIN%' AND length(prefix) = 16 ORDER BY prefix DESC",
      )
    ).map(({ prefix }) => prefix)
    const [garbage = '', elliptic = ''] = prefixes
    await changeIn(
      databasePath,
      `UPDATE cert SET cert = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' WHERE prefix = '${garbage}'`,
      `UPDATE cert SET cert = '${ELLIPTIC}' WHERE prefix = '${elliptic}'`,
    )
    await using registry = await testRegistry({
      databasePath,
      registration: { mailPrefixLength: 16, anonymousPrefixLength: 16 },
    })
    for (const prefix of [garbage, elliptic])
      expect((await fetch(`${registry.url}hello?client_prefix=${prefix}&protocol=10`)).status).toBe(404)
    const [served = ''] = prefixes.slice(2)
    expect((await fetch(`${registry.url}hello?client_prefix=${served}&protocol=10`)).status).toBe(200)
    const pem = await new RegistryClient(registry.url).requestCertificate({
      token: '',
      csr: pki.csr['node-a'] ?? '',
    })
    const certificate = readNodeCertificate(pem ?? '')
    expect(certificate.ok && prefixes.includes(certificate.value.prefix)).toBe(false)
  })

  it('is refused when its tables were changed', async () => {
    const databasePath = await emptyDatabase()
    if (DATABASE_KIND === 'SQLite')
      new Database(databasePath).exec('CREATE TABLE cert (prefix TEXT, other TEXT)').close()
    else await changeIn(databasePath, 'DROP TABLE cert', 'CREATE TABLE cert (prefix TEXT, other TEXT)')
    await expect(testRegistry({ databasePath })).rejects.toThrow(/its table cert is not a registry's/)
  })

  it.runIf(DATABASE_KIND === 'PostgreSQL')(
    'is served beside tables of somebody else, which have the same names in a schema that comes later',
    async () => {
      const databasePath = await emptyDatabase({ isBare: true })
      const client = new pg.Client(databasePath)
      await client.connect()
      await client.query('CREATE TABLE public.config (of TEXT, somebody TEXT)')
      await client.query('CREATE SCHEMA own')
      await client.query('CREATE TABLE own.config (name TEXT PRIMARY KEY NOT NULL, value TEXT)')
      const [{ name }] = (await client.query<{ name: string }>('SELECT current_database() AS name')).rows as [
        { name: string },
      ]
      await client.query(`ALTER DATABASE "${name}" SET search_path = own, public`)
      await client.end()
      await using registry = await testRegistry({ databasePath })
      expect((await fetch(`${registry.url}getNetworkConfig`)).status).toBeLessThan(500)
    },
  )
})
