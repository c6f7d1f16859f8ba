import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { readNetworkConfig } from '../../../src/core/config/network-config.ts'
import { type NodeCertificate, readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { serversOf } from '../../../src/registry/database/postgres-servers.ts'
import { DATABASE_KIND, emptyDatabase } from '../../support/databases.ts'
import { POSTGRES_TEST_MS, TestPostgres } from '../../support/postgres.ts'
import { testRegistry } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const caPublicKey = new X509Certificate(pki.ca).publicKey
const decrypt = makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? ''))

function certificateOf(pem: string | undefined): NodeCertificate {
  const certificate = readNodeCertificate(pem ?? '')
  if (!certificate.ok) throw new Error(certificate.reason)
  return certificate.value
}

const enrol = async (url: string): Promise<NodeCertificate> =>
  certificateOf(await new RegistryClient(url).requestCertificate({ token: '', csr }))

async function networkConfigAt(url: string, prefix: NodeCertificate['prefix']) {
  const client = new RegistryClient(url, { prefix, caPublicKey, decrypt })
  const received = readNetworkConfig(await client.getNetworkConfig(), { caPublicKey, decrypt })
  if (!received.ok) throw new Error(received.reason)
  return received.value
}

it('a URL may name several servers', () => {
  expect(serversOf('postgres://me:secret@a,b:5433/name?sslmode=require')).toEqual({
    ok: true,
    value: [
      'postgres://me:secret@a/name?sslmode=require',
      'postgres://me:secret@b:5433/name?sslmode=require',
    ],
  })
  expect(serversOf('postgres://me:p@w,d@a,b/name')).toEqual({
    ok: true,
    value: ['postgres://me:p@w,d@a/name', 'postgres://me:p@w,d@b/name'],
  })
})

describe.runIf(DATABASE_KIND === 'PostgreSQL')(
  'several registries with one database of PostgreSQL',
  { timeout: POSTGRES_TEST_MS },
  () => {
    it('give no prefix and no serial twice, and a token once', async () => {
      const databasePath = await emptyDatabase()
      const registries = await Promise.all([1, 2, 3].map(() => testRegistry({ databasePath })))
      const [first] = registries
      await fetch(`${first?.url}addToken?email=a@example.com&token=once`)
      const certificates = await Promise.all(
        registries.flatMap(({ url }) => Array.from({ length: 10 }, () => enrol(url))),
      )
      expect(new Set(certificates.map(({ prefix }) => prefix)).size).toBe(30)
      expect(certificates.map(({ serial }) => Number(serial)).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 30 }, (_, n) => n + 1),
      )
      const withToken = await Promise.all(
        registries.map(({ url }) => new RegistryClient(url).requestCertificate({ token: 'once', csr })),
      )
      expect(withToken.filter((pem) => pem !== undefined)).toHaveLength(1)
      for (const registry of registries) await registry[Symbol.asyncDispose]()
    })

    it('answer calls of one session in turn, and serve at once what another has published', async () => {
      const databasePath = await emptyDatabase()
      await using one = await testRegistry({ databasePath })
      await using other = await testRegistry({ databasePath })
      const { prefix } = await enrol(one.url)
      const { prefix: gone, serial, subnetName } = await enrol(other.url)
      // Its calls go to one of them after another, as behind a load balancer.
      let calls = 0
      const balancer = createServer((request, response) => {
        const url = new URL(request.url ?? '', [one.url, other.url][calls++ % 2])
        const hmac = request.headers['re6sthmac']
        fetch(url, typeof hmac === 'string' ? { headers: { Re6stHMAC: hmac } } : {}).then(
          async (answer) => {
            response.writeHead(answer.status, Object.fromEntries(answer.headers))
            response.end(Buffer.from(await answer.arrayBuffer()))
          },
          () => response.destroy(),
        )
      })
      await new Promise<void>((resolve) => balancer.listen(0, '127.0.0.1', resolve))
      const { port } = balancer.address() as AddressInfo
      const client = new RegistryClient(`http://127.0.0.1:${port}/`, { prefix, caPublicKey, decrypt })
      for (let call = 0; call < 6; call++) expect(await client.getDh()).toMatch(/^-----BEGIN DH/)
      // One hello: none of them was refused.
      expect(calls).toBe(7)
      balancer.close()
      expect((await networkConfigAt(other.url, prefix)).crl).toEqual(new Set())
      await fetch(`${one.url}revoke?cn_or_serial=${subnetName}`)
      await expect
        .poll(async () => (await networkConfigAt(other.url, prefix)).crl, { timeout: 20_000 })
        .toEqual(new Set([serial]))
      await expect(networkConfigAt(other.url, gone)).rejects.toThrow(/knows no certificate/)
    })

    it('have no standby of ours, and say why', async () => {
      const pair = {
        peer: { host: '127.0.0.1', port: 9, secret: 'x'.repeat(32) },
        listen: { kind: 'address', address: '127.0.0.1', port: 0 } as const,
      }
      await expect(testRegistry({ pair })).rejects.toMatchObject({
        code: 'OPTION',
        message: expect.stringContaining('--peer: is for a file of SQLite'),
      })
    })

    it.each([
      ['ahead', 3600_000],
      ['behind', -3600_000],
    ])(
      'say so where the clock of their machine is an hour %s, and serve all the same',
      async (_, apartMs) => {
        const databasePath = await emptyDatabase()
        const warnings: unknown[] = []
        const log = {
          ...silentLog,
          warn: (...said: unknown[]) => warnings.push(said.at(-1)),
        } as typeof silentLog
        await using right = await testRegistry({ databasePath }, { log })
        const { prefix } = await enrol(right.url)
        expect(warnings).toEqual([])
        const clock = { ...systemClock, now: () => Date.now() + apartMs }
        await using wrong = await testRegistry({ databasePath }, { log, clock, isAlone: false })
        expect(warnings).toEqual([expect.stringContaining('set the one that is wrong')])
        // A session goes on from one to the other, either way.
        for (const { url } of [right, wrong, right]) await networkConfigAt(url, prefix)
        const given = [await enrol(wrong.url), await enrol(right.url)]
        expect(new Set(given.map((one) => one.prefix)).size).toBe(2)
        // The time of the database counts: nobody would take one yet whose beginning is to come.
        for (const { notBeforeMs } of given) expect(Math.abs(notBeforeMs - Date.now())).toBeLessThan(60_000)
      },
    )

    it('go on when the server dies and its standby takes over: nothing that was acknowledged is lost', async () => {
      await using primary = await TestPostgres.start()
      await using standby = await primary.standby()
      await primary.query("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
      await primary.query('SELECT pg_reload_conf()')
      const databasePath = `postgres://re6st@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`
      const registries = await Promise.all([1, 2].map(() => testRegistry({ databasePath })))
      const acknowledged: NodeCertificate[] = []
      const stop = new AbortController()
      const load = registries.map(async ({ url }) => {
        while (!stop.signal.aborted)
          await enrol(url).then(
            (one) => acknowledged.push(one),
            () => {},
          )
      })
      await expect.poll(() => acknowledged.length, { timeout: 30_000 }).toBeGreaterThan(20)
      await primary.kill()
      const before = acknowledged.length
      await standby.query('SELECT pg_promote()')
      await standby.query("ALTER SYSTEM SET synchronous_standby_names = ''")
      await standby.query('SELECT pg_reload_conf()')
      await expect.poll(() => acknowledged.length, { timeout: 30_000 }).toBeGreaterThan(before + 20)
      stop.abort()
      await Promise.all(load)
      const rows = (await standby.query("SELECT prefix, cert FROM cert WHERE cert LIKE '-----%'")).rows as {
        prefix: string
        cert: string
      }[]
      const kept = new Map(rows.map(({ prefix, cert }) => [prefix, certificateOf(cert).serial]))
      for (const { prefix, serial } of acknowledged) expect(kept.get(prefix)).toBe(serial)
      expect(new Set(acknowledged.map(({ prefix }) => prefix)).size).toBe(acknowledged.length)
      for (const registry of registries) await registry[Symbol.asyncDispose]()
    })
  },
)
