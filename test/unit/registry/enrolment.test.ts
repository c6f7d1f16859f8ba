import { createPrivateKey, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ONE_COMMUNITY } from '../../../src/core/allocation/community.ts'
import { readNetworkConfig } from '../../../src/core/config/network-config.ts'
import { type NodeCertificate, readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import type { Prefix } from '../../../src/core/values/prefix.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { pemSigner } from '../../../src/registry/crypto/ca-signer.ts'
import type { IssueTask } from '../../../src/registry/crypto/certificate-maker.ts'
import { CaCryptography } from '../../../src/registry/crypto/cryptography.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import type { Store } from '../../../src/registry/database/store.ts'
import { Enrolment } from '../../../src/registry/enrolment.ts'
import { Ledger } from '../../../src/registry/ledger.ts'
import { revoke } from '../../../src/registry/revocation.ts'
import { emptyDatabase, refuseChanges } from '../../support/databases.ts'
import { testRegistry } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'
import { unsent } from '../../support/unsent.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const HERE = { source: '127.0.0.1', location: () => undefined, delivery: unsent }
const caPublicKey = new X509Certificate(pki.ca).publicKey
const decrypt = makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? ''))

function certificateOf(pem: string | undefined): NodeCertificate {
  const certificate = readNodeCertificate(pem ?? '')
  if (!certificate.ok) throw new Error(certificate.reason)
  return certificate.value
}

/** Calls a private method from loopback. */
async function operate(url: string, method: string, parameters: Record<string, string> = {}) {
  const answer = await fetch(`${url}${method}?${new URLSearchParams(parameters)}`)
  return { status: answer.status, text: await answer.text() }
}

/** An enrolment with prefixes of one bit, on a store that may fail. */
const enrolmentOn = (store: Store, ledger: Ledger, cryptography: CaCryptography): Enrolment =>
  new Enrolment(
    {
      ...{ store, ledger, cryptography, clock: systemClock, log: silentLog, communities: ONE_COMMUNITY },
      configuration: {
        ...{ registryPrefix: '0', publish: async () => true, followers: { forget: () => {} } },
      },
      ...{
        mailer: undefined,
        geoip: undefined,
        authorities: { enrolled: async () => {} },
        software: { forget: () => {} },
      },
    },
    { mailPrefixLength: 1, anonymousPrefixLength: 1, mailSender: 'ca@example.com' },
  )

/** A store, and where it is. */
async function openedStore() {
  const path = await emptyDatabase()
  const store = await openStore(path)
  return { store, path, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}

const nodeClient = (url: string, prefix: Prefix) => new RegistryClient(url, { prefix, caPublicKey, decrypt })

describe('many at once', () => {
  it('never get the same prefix, serial or IPv4 subnet', async () => {
    await using registry = await testRegistry()
    const clients = Array.from({ length: 40 }, () => new RegistryClient(registry.url))
    const pems = await Promise.all(clients.map((client) => client.requestCertificate({ token: '', csr })))
    const certificates = pems.map(certificateOf)
    expect(new Set(certificates.map(({ prefix }) => prefix)).size).toBe(40)
    expect(certificates.map(({ serial }) => Number(serial)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 40 }, (_, n) => n + 1),
    )
    expect(certificates.map(({ subjectSerial }) => subjectSerial ?? -1).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 40 }, (_, n) => n),
    )
  })

  it('a token works once, however many use it at the same moment', async () => {
    await using registry = await testRegistry()
    await operate(registry.url, 'addToken', { email: 'a@example.com', token: 'once' })
    const calls = Array.from({ length: 10 }, () =>
      new RegistryClient(registry.url).requestCertificate({ token: 'once', csr }),
    )
    expect((await Promise.all(calls)).filter((pem) => pem !== undefined)).toHaveLength(1)
    expect((await operate(registry.url, 'isToken', { token: 'once' })).status).toBe(204)
  })
})

describe('a token', () => {
  it('is not used up by a request that cannot be read, nor by an exhausted network', async () => {
    await using registry = await testRegistry({
      registration: { mailPrefixLength: 1, anonymousPrefixLength: 1 },
    })
    const client = new RegistryClient(registry.url)
    await operate(registry.url, 'addToken', { email: 'a@example.com', token: 'kept' })
    await expect(client.requestCertificate({ token: 'kept', csr: 'garbage' })).rejects.toThrow(/status 400/)
    await client.requestCertificate({ token: '', csr })
    await client.requestCertificate({ token: '', csr })
    await expect(client.requestCertificate({ token: 'kept', csr })).rejects.toThrow(/no prefix left/)
    expect((await operate(registry.url, 'isToken', { token: 'kept' })).text).toBe('1')
  })

  it('is not used up by a database that is locked, nor is a prefix', async () => {
    await using one = await openedStore()
    const { store, path } = one
    const cryptography = new CaCryptography({ caPem: pki.ca, signer: pemSigner(pki.keys['ca'] ?? '') })
    const enrolment = enrolmentOn(store, new Ledger(store, 48), cryptography)
    await store.write((writable) =>
      writable.addToken({ token: 'kept', email: 'a@example.com', prefix_len: 1, date: 0 }),
    )
    const request = async (token: string) =>
      certificateOf(await enrolment.requestCertificate(token, csr, HERE))
    const allow = await refuseChanges(path, 'BEFORE INSERT ON issued')
    for (const token of ['kept', '', '']) await expect(request(token)).rejects.toThrow('the disk is full')
    await allow()
    expect((await request('kept')).prefix).toBe('0')
    expect((await request('')).prefix).toBe('1')
  })

  it('that cannot be revoked keeps its prefix; one whose renewal cannot be written stays as it is', async () => {
    await using one = await openedStore()
    const { store, path } = one
    const cryptography = new CaCryptography({ caPem: pki.ca, signer: pemSigner(pki.keys['ca'] ?? '') })
    const ledger = new Ledger(store, 48)
    const enrolment = enrolmentOn(store, ledger, cryptography)
    const request = async () => certificateOf(await enrolment.requestCertificate('', csr, HERE))
    const { prefix, serial } = await request()
    const operator = { store, ledger, clock: systemClock }
    const allowRevocation = await refuseChanges(path, 'BEFORE INSERT ON crl')
    await expect(revoke(operator, '0/1')).rejects.toThrow('the disk is full')
    await allowRevocation()
    // Nobody else got its prefix.
    expect((await request()).prefix).not.toBe(prefix)
    await revoke(operator, String(serial))
    const allowRenewal = await refuseChanges(path, 'BEFORE INSERT ON issued')
    await expect(enrolment.renewCertificate(prefix)).rejects.toThrow('the disk is full')
    await allowRenewal()
    const renewed = certificateOf(await enrolment.renewCertificate(prefix))
    expect([renewed.prefix, renewed.serial > serial]).toEqual([prefix, true])
    await revoke(operator, '0/1')
    expect((await request()).prefix).toBe(prefix)
  })

  it('is made, given, refused and deleted', async () => {
    await using registry = await testRegistry()
    expect((await operate(registry.url, 'addToken', { email: 'a@example.com', token: '' })).text).toMatch(
      /^[a-z]{20}$/,
    )
    expect((await operate(registry.url, 'addToken', { email: 'a@example.com', token: 't' })).status).toBe(204)
    expect((await operate(registry.url, 'addToken', { email: 'a@example.com', token: 't' })).status).toBe(409)
    await operate(registry.url, 'deleteToken', { token: 't' })
    expect((await operate(registry.url, 'isToken', { token: 't' })).status).toBe(204)
  })

  it('is refused where registration is disabled', async () => {
    await using registry = await testRegistry({
      registration: { mailPrefixLength: 0, anonymousPrefixLength: 0 },
    })
    expect((await operate(registry.url, 'addToken', { email: 'a@example.com', token: 't' })).status).toBe(403)
    await expect(new RegistryClient(registry.url).requestCertificate({ token: '', csr })).rejects.toThrow(
      /disabled/,
    )
  })
})

describe('a machine that was off', () => {
  const DAY_MS = 24 * 3600 * 1000

  it('past its end renews within the grace period, and after it is told how to go on', async () => {
    let nowMs = Date.now()
    const databasePath = await emptyDatabase()
    const start = () =>
      testRegistry(
        { databasePath, registration: { mailPrefixLength: 16, anonymousPrefixLength: 16 } },
        { clock: { ...systemClock, now: () => nowMs } },
      )
    let gone: Prefix
    {
      await using registry = await start()
      const anyone = new RegistryClient(registry.url)
      const prefixOfNew = async () =>
        certificateOf(await anyone.requestCertificate({ token: '', csr })).prefix
      const [own, back] = [await prefixOfNew(), await prefixOfNew()]
      gone = await prefixOfNew()
      nowMs += 460 * DAY_MS
      for (const prefix of [own, back]) {
        const renewed = certificateOf(await nodeClient(registry.url, prefix).renewCertificate())
        expect(renewed.prefix).toBe(prefix)
        expect(renewed.notAfterMs).toBeGreaterThan(nowMs + 364 * DAY_MS)
      }
    }
    nowMs += 6 * DAY_MS
    await using registry = await start()
    const node = nodeClient(registry.url, gone)
    await expect(node.renewCertificate()).rejects.toThrow('get a new one with re6st-conf')
    const next = await new RegistryClient(registry.url).requestCertificate({
      token: '',
      csr: pki.csr['node-b'] ?? '',
    })
    expect(certificateOf(next).prefix).toBe(gone)
    await expect(nodeClient(registry.url, gone).renewCertificate()).rejects.toThrow(
      'get a new certificate with re6st-conf',
    )
  })
})

describe('revocation and rotation', () => {
  it('by serial: the node renews, with the same end; by name: it is gone, and the prefix is free', async () => {
    await using registry = await testRegistry({
      registration: { mailPrefixLength: 16, anonymousPrefixLength: 16 },
    })
    const anyone = new RegistryClient(registry.url)
    await anyone.requestCertificate({ token: '', csr })
    const before = certificateOf(await anyone.requestCertificate({ token: '', csr }))
    const node = nodeClient(registry.url, before.prefix)
    expect((await operate(registry.url, 'revoke', { cn_or_serial: '2' })).status).toBe(204)
    const renewed = certificateOf(await node.renewCertificate())
    expect([renewed.prefix, renewed.serial, renewed.notAfterMs, renewed.subjectSerial]).toEqual([
      before.prefix,
      3n,
      before.notAfterMs,
      before.subjectSerial,
    ])
    const received = readNetworkConfig(await node.getNetworkConfig(), { caPublicKey, decrypt })
    expect(received.ok && received.value.crl).toEqual(new Set([2n]))

    expect((await operate(registry.url, 'revoke', { cn_or_serial: before.subnetName })).status).toBe(204)
    await expect(node.getNetworkConfig()).rejects.toThrow(/knows no certificate/)
    const next = certificateOf(await anyone.requestCertificate({ token: '', csr }))
    expect([next.prefix, next.subjectSerial]).toEqual([before.prefix, before.subjectSerial])
    for (const [nameOrSerial, status] of [
      ['999', 404],
      ['9999/16', 404],
      ['abc', 400],
    ] as const)
      expect((await operate(registry.url, 'revoke', { cn_or_serial: nameOrSerial })).status).toBe(status)
  })

  it('by name, while the certificate is being renewed: it stays gone, and the prefix is given once', async () => {
    let begun = () => {}
    let goOn = () => {}
    const isBegun = new Promise<void>((resolve) => {
      begun = resolve
    })
    const mayGoOn = new Promise<void>((resolve) => {
      goOn = resolve
    })
    class SlowRenewals extends CaCryptography {
      override async issue(task: IssueTask): Promise<string> {
        if (task.source.kind === 'certificate') {
          begun()
          await mayGoOn
        }
        return await super.issue(task)
      }
    }
    await using registry = await testRegistry({}, { cryptography: (keys) => new SlowRenewals(keys) })
    const anyone = new RegistryClient(registry.url)
    await anyone.requestCertificate({ token: '', csr })
    const before = certificateOf(await anyone.requestCertificate({ token: '', csr }))
    await operate(registry.url, 'revoke', { cn_or_serial: '2' })
    const renewal = nodeClient(registry.url, before.prefix).renewCertificate()
    await isBegun
    await operate(registry.url, 'revoke', { cn_or_serial: before.subnetName })
    goOn()
    await expect(renewal).rejects.toThrow(/knows no certificate/)
    const next = [
      await anyone.requestCertificate({ token: '', csr }),
      await anyone.requestCertificate({ token: '', csr }),
    ].map(certificateOf)
    expect(next[0]?.prefix).toBe(before.prefix)
    expect(next[1]?.prefix).not.toBe(before.prefix)
  })

  it('keys go round in three steps, each with a new network version', async () => {
    await using registry = await testRegistry()
    const { prefix } = certificateOf(
      await new RegistryClient(registry.url).requestCertificate({ token: '', csr }),
    )
    const node = nodeClient(registry.url, prefix)
    const configuration = async () => {
      const received = readNetworkConfig(await node.getNetworkConfig(), { caPublicKey, decrypt })
      if (!received.ok) throw new Error(received.reason)
      return received.value
    }
    const seen = [await configuration()]
    for (let step = 0; step < 3; step++) {
      expect((await operate(registry.url, 'updateHMAC')).status).toBe(204)
      seen.push(await configuration())
    }
    const [start, announced, switched, done] = seen
    expect(announced?.keys.sign).toEqual(start?.keys.sign)
    expect(announced?.validUntilMs).toBeGreaterThan(Date.now() + 3_500_000)
    expect(switched?.keys).toEqual({ sign: announced?.keys.accept, accept: start?.keys.sign })
    expect(done?.keys).toEqual({ sign: announced?.keys.accept, accept: undefined })
    const versions = seen.map(({ version }) => version)
    expect(versions).toEqual([...versions].sort(Buffer.compare))
    expect(new Set(versions.map((version) => version.toString('hex'))).size).toBe(4)
  })
})

describe('a session', () => {
  it('survives a hello in the node’s name, and a restart of the registry', async () => {
    await using registry = await testRegistry()
    const { prefix } = certificateOf(
      await new RegistryClient(registry.url).requestCertificate({ token: '', csr }),
    )
    const node = nodeClient(registry.url, prefix)
    await node.getDh()
    await operate(registry.url, 'hello', { client_prefix: prefix, protocol: '10' })
    expect(await node.getDh()).toMatch(/^-----BEGIN DH/)
  })

  it('is refused without HMAC, with a wrong one, and for an unknown prefix', async () => {
    await using registry = await testRegistry()
    expect((await operate(registry.url, 'getDh', { cn: '0' })).status).toBe(400)
    const wrong = await fetch(`${registry.url}getDh?cn=0`, { headers: { Re6stHMAC: 'AAAA' } })
    expect(wrong.status).toBe(401)
    expect((await operate(registry.url, 'hello', { client_prefix: '0', protocol: '10' })).status).toBe(404)
  })
})
