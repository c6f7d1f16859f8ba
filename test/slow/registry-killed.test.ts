import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { waitFor } from '../../lab/wait-for.ts'
import { readNodeCertificate } from '../../src/core/crypto/certificate.ts'
import { RegistryClient } from '../../src/platform/registry-client.ts'
import { readSnapshot } from '../../src/registry/database/snapshot.ts'
import { enrolUntilItEnds } from '../support/enrolling-clients.ts'
import { freePort } from '../support/free-port.ts'
import { POSTGRES_PROGRAMS, TestPostgres } from '../support/postgres.ts'
import { seededRandom } from '../support/random.ts'
import { temporaryDirectory } from '../support/registry.ts'
import { vectors } from '../support/vectors.ts'

const KILLS = 50
const CLIENTS = 4

const DATABASES: readonly (readonly [string, () => Promise<AsyncDisposable & { readonly url: string }>])[] = [
  [
    'SQLite',
    async () => ({ url: join(temporaryDirectory(), 'registry.db'), [Symbol.asyncDispose]: async () => {} }),
  ],
  ...(POSTGRES_PROGRAMS === undefined ? [] : [['PostgreSQL', () => TestPostgres.start()] as const]),
]

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''

describe.each(DATABASES)('with %s', (_, make) => {
  it('kill -9 at any moment loses no acknowledged certificate, and leaves no half-made one', async () => {
    const directory = temporaryDirectory()
    await using made = await make()
    const database = made.url
    writeFileSync(join(directory, 'ca.crt'), pki.ca)
    writeFileSync(join(directory, 'ca.key'), pki.keys['ca'] ?? '')
    const port = await freePort()
    const url = `http://127.0.0.1:${port}/`
    const start = (): ChildProcess =>
      spawn(
        process.execPath,
        [
          'dist/re6st-registry.js',
          ...['--ca', join(directory, 'ca.crt'), '--key', join(directory, 'ca.key'), '--db', database],
          ...['--port', String(port), '-4', '127.0.0.1', '-6', '', '--anonymous-prefix-length', '32'],
          ...['--logfile', join(directory, 'log'), '--command-socket', join(directory, 'commands.socket')],
        ],
        { stdio: 'ignore' },
      )
    const acknowledged: string[] = []
    const random = seededRandom(50)
    for (let kill = 0; kill < KILLS; kill++) {
      const registry = start()
      const ended = new Promise((resolve) => registry.once('close', resolve))
      await waitFor(() => new RegistryClient(url).getCa(), {
        what: 'the registry',
        deadlineMs: 20_000,
        intervalMs: 20,
      })
      const already = acknowledged.length
      const clients = enrolUntilItEnds(CLIENTS, url, csr, acknowledged)
      // At another moment of its work each time.
      const wanted = already + 1 + Math.floor(random.next() * 6)
      await waitFor(() => acknowledged.length >= wanted, {
        what: 'some certificates',
        deadlineMs: 20_000,
        intervalMs: 1,
      })
      registry.kill('SIGKILL')
      await Promise.all([ended, ...clients])
    }

    const rows = await readSnapshot({ database, option: '--db' }, (snapshot) =>
      snapshot.all<{ prefix: string; cert: string | null }>('SELECT prefix, cert FROM cert'),
    )
    const kept = new Set(rows.map(({ cert }) => cert))
    expect(acknowledged.filter((pem) => !kept.has(pem))).toEqual([])
    expect(acknowledged.length).toBeGreaterThan(2 * KILLS)

    const certificates = rows.flatMap(({ prefix, cert }) => {
      if (cert === null) return []
      const certificate = readNodeCertificate(cert)
      if (!certificate.ok) throw new Error(certificate.reason)
      expect(certificate.value.prefix).toBe(prefix)
      return [certificate.value]
    })
    expect(new Set(certificates.map(({ serial }) => serial)).size).toBe(certificates.length)
    expect(new Set(certificates.map(({ subjectSerial }) => subjectSerial)).size).toBe(certificates.length)
    // Used and free prefixes are a partition of the network: their sizes add up to the whole.
    expect(rows.reduce((sum, { prefix }) => sum + 2n ** BigInt(32 - prefix.length), 0n)).toBe(2n ** 32n)
  }, 180_000)
})
