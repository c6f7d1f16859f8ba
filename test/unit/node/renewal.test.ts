import 'reflect-metadata'
import { createPrivateKey, webcrypto } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Authority, type NodeCertificate, readAuthority } from '../../../src/core/crypto/certificate.ts'
import { Renewal, type Renewed } from '../../../src/node/renewal.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { recordedCertificate } from '../../support/sessions.ts'
import { silentLog } from '../../support/silent-log.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; ca_new_prefix: string; keys: Record<string, string> }>('pki.json')
const newCa = vectors<{ cases: { name: string; pem: string }[] }>('pki.json').cases.find(
  ({ name }) => name === 'ca-new-prefix',
)?.pem
const authorityOf = (pem: string): Authority => {
  const read = readAuthority(pem)
  if (!read.ok) throw new Error(read.reason)
  return read.value
}

let directory: string
let files: { ca: string; cert: string; key: string }
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 're6st-renewal-'))
  files = { ca: join(directory, 'ca.crt'), cert: join(directory, 'cert.crt'), key: join(directory, 'key') }
  writeFileSync(files.ca, pki.ca)
})
afterEach(() => rmSync(directory, { recursive: true }))

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

interface Situation {
  /** Whose certificate is to be renewed. */
  readonly certificate: NodeCertificate
  readonly key: keyof typeof pki.keys
  /** What the registry, or somebody in its place, sends; throws when it cannot be asked. */
  readonly getCa: () => Promise<string>
  readonly renewCertificate: () => Promise<string>
  readonly isRevoked: boolean
  /** Whether the registry knows already what we have. */
  readonly isIdentityTold: boolean
  readonly nowMs: number
  /** Called when it would sleep; false: that was enough. */
  readonly onSleep: (ms: number) => boolean
}

/** What comes of it. */
async function renewIn(situation: Partial<Situation>): Promise<{
  renewed: Renewed[]
  reasons: string[]
  failure: string | undefined
}> {
  const stopping = new AbortController()
  const seen: Renewed[] = []
  const reasons: string[] = []
  const { certificate = recordedCertificate('node-a'), key = 'node-a' } = situation
  const identity = {
    authority: authorityOf(pki.ca),
    certificate,
    privateKey: createPrivateKey(pki.keys[key] ?? ''),
    address: '',
  }
  const {
    getCa = async () => pki.ca,
    renewCertificate = async () => certificate.x509.toString(),
    isRevoked = false,
    isIdentityTold = true,
    nowMs = certificate.notBeforeMs,
    onSleep = () => false,
  } = situation
  const renewal = new Renewal(
    {
      registry: { getCa, renewCertificate, isIdentityTold },
      clock: {
        ...systemClock,
        now: () => nowMs,
        sleep: async (ms) => void (onSleep(ms) || stopping.abort()),
      },
      log: { ...silentLog, warn: (fields: { reason: string }) => reasons.push(fields.reason) } as never,
      isRevoked: () => isRevoked,
    },
    files,
    () => identity,
    (what) => {
      seen.push(what)
      stopping.abort()
    },
  )
  await renewal.run(stopping.signal)
  return { renewed: seen, reasons, failure: renewal.failure }
}

/** How long it waits before each of the first attempts that fail. */
async function waits(situation: Pick<Partial<Situation>, 'isRevoked' | 'nowMs'>): Promise<number[]> {
  const slept: number[] = []
  await renewIn({
    ...situation,
    getCa: () => Promise.reject(new Error('unreachable')),
    renewCertificate: () => Promise.reject(new Error('unreachable')),
    onSleep: (ms) => slept.push(ms) < 20,
  })
  return slept.filter((ms) => ms > 0)
}

describe('a renewal that fails', () => {
  const notAfterMs = Math.min(recordedCertificate('node-a').notAfterMs, authorityOf(pki.ca).notAfterMs)

  it('is tried again after a day, as long as others accept the certificate', async () => {
    const [first, second] = await waits({ nowMs: notAfterMs - DAY_MS })
    expect([first, second]).toEqual([DAY_MS, DAY_MS])
  })

  it.each([
    ['has expired', { nowMs: notAfterMs + DAY_MS }],
    ['was revoked', { nowMs: notAfterMs - 90 * DAY_MS, isRevoked: true }],
  ])('is tried again after minutes, at most an hour, when the certificate %s', async (_, situation) => {
    const slept = await waits(situation)
    expect(slept.slice(0, 3)).toEqual([MINUTE_MS, 2 * MINUTE_MS, 4 * MINUTE_MS])
    expect(slept.slice(-2)).toEqual([HOUR_MS, HOUR_MS])
  })

  it('says why', async () => {
    const { reasons, failure } = await renewIn({
      isRevoked: true,
      renewCertificate: () => Promise.reject(new Error('no route to host')),
      onSleep: (ms) => ms === 0,
    })
    expect(reasons).toEqual(['no route to host'])
    expect(failure).toBe('no route to host')
  })
})

describe('a certificate from former times', () => {
  const present = recordedCertificate('node-b2')
  const offered = (pem: string, isRevoked = false) =>
    renewIn({
      ...{ certificate: present, key: 'node-b', isRevoked, nowMs: present.notAfterMs - DAY_MS },
      renewCertificate: async () => pem,
      onSleep: (ms) => ms === 0,
    })
  /** One that the CA has made for the same node. */
  const made = async (serialNumber: string, endsAfterMs: number) => {
    const original = new x509.X509Certificate(present.x509.toString())
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' } as const
    const caKey = createPrivateKey(pki.keys['ca'] ?? '').export({ format: 'der', type: 'pkcs8' })
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber,
      subject: original.subjectName,
      issuer: original.issuerName,
      notBefore: original.notBefore,
      notAfter: new Date(present.notAfterMs + endsAfterMs),
      publicKey: original.publicKey,
      signingAlgorithm: algorithm,
      signingKey: await webcrypto.subtle.importKey('pkcs8', caKey, algorithm, false, ['sign']),
    })
    return certificate.toString('pem')
  }

  it('does not replace a later one', async () => {
    for (const pem of [recordedCertificate('node-b').x509.toString(), await made('08', -DAY_MS)]) {
      const { renewed: seen, reasons } = await offered(pem)
      expect([seen, reasons.length]).toEqual([[], 1])
    }
  })

  it('is told from a new one, and from one in place of a revoked one', async () => {
    expect((await offered(await made('08', DAY_MS))).renewed).toHaveLength(1)
    expect((await offered(await made('08', -DAY_MS), true)).renewed).toHaveLength(1)
    expect((await offered(await made('06', DAY_MS), true)).renewed).toHaveLength(0)
  })
})

describe('a CA certificate that is due', () => {
  const renewAuthority = (pem: string) =>
    renewIn({
      getCa: async () => pem,
      nowMs: authorityOf(pki.ca).notAfterMs - 1_000,
      onSleep: (ms) => ms === 0,
    })

  it('is replaced by one that the CA has signed', async () => {
    const { renewed: seen } = await renewAuthority(newCa ?? '')
    expect(seen.map(({ kind }) => kind)).toEqual(['authority'])
    expect(authorityOf(readFileSync(files.ca, 'utf8')).network).not.toBe(authorityOf(pki.ca).network)
  })

  it('is not replaced by one with the same key that somebody else has made', async () => {
    const original = new x509.X509Certificate(newCa ?? '')
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' } as const
    const otherKey = createPrivateKey(pki.keys['other-ca'] ?? '').export({ format: 'der', type: 'pkcs8' })
    const forged = await x509.X509CertificateGenerator.create({
      serialNumber: '012001abcdef',
      subject: original.subjectName,
      issuer: original.issuerName,
      notBefore: original.notBefore,
      notAfter: original.notAfter,
      publicKey: original.publicKey,
      signingAlgorithm: algorithm,
      signingKey: await webcrypto.subtle.importKey('pkcs8', otherKey, algorithm, false, ['sign']),
    })
    const { renewed: seen, reasons } = await renewAuthority(forged.toString('pem'))
    expect(seen).toEqual([])
    expect(reasons).toEqual([
      'the registry sent a CA certificate that is not ours, it is not signed by its own key: is --registry right?',
    ])
    expect(readFileSync(files.ca, 'utf8')).toBe(pki.ca)
  })

  it.each(['', 'garbage', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'is not replaced by %j',
    async (pem) => {
      const { renewed: seen, reasons } = await renewAuthority(pem)
      expect(seen).toEqual([])
      expect(reasons).toEqual([expect.stringContaining('no usable CA certificate')])
      expect(readFileSync(files.ca, 'utf8')).toBe(pki.ca)
    },
  )
})

describe('a registry that has not heard from this node since it has these certificates', () => {
  it('is told a minute after the start, and later and later until it hears it', async () => {
    const slept: number[] = []
    let calls = 0
    const { reasons } = await renewIn({
      isIdentityTold: false,
      renewCertificate: () => {
        calls += 1
        return Promise.reject(new Error('unreachable'))
      },
      onSleep: (ms) => slept.push(ms) < 14,
    })
    expect(slept.slice(0, 3)).toEqual([MINUTE_MS, 2 * MINUTE_MS, 4 * MINUTE_MS])
    expect(slept.at(-1)).toBe(DAY_MS)
    expect(calls).toBe(13)
    // Nothing is wrong with the node.
    expect(reasons).toEqual([])
  })

  it('is not asked for more than that where it has heard it by another call', async () => {
    let [calls, looks] = [0, 0]
    await renewIn({
      renewCertificate: async () => {
        calls += 1
        return recordedCertificate('node-a').x509.toString()
      },
      isIdentityTold: true,
      onSleep: () => ++looks < 5,
    })
    expect(calls).toBe(0)
  })
})
