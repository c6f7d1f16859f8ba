import 'reflect-metadata'
import { createPrivateKey, webcrypto } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Authority, readAuthority } from '../../../src/core/crypto/certificate.ts'
import { keepRenewed, type Renewed } from '../../../src/node/renewal.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { silentLog } from '../../../src/platform/log.ts'
import { recordedCertificate } from '../../support/sessions.ts'
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

/** What comes of it when the registry, or somebody in its place, sends this when the CA is due. */
async function renewed(pem: string): Promise<{ renewed: Renewed[]; reasons: string[] }> {
  const stopping = new AbortController()
  const seen: Renewed[] = []
  const reasons: string[] = []
  const authority = authorityOf(pki.ca)
  const certificate = recordedCertificate('node-a')
  const identity = {
    authority,
    certificate,
    privateKey: createPrivateKey(pki.keys['node-a'] ?? ''),
    address: '',
  }
  let sleeps = 0
  await keepRenewed(
    {
      registry: {
        getCa: async () => pem,
        renewCertificate: async () => certificate.x509.toString(),
      },
      clock: {
        ...systemClock,
        now: () => authority.notAfterMs - 1_000,
        sleep: async () => void (++sleeps > 1 && stopping.abort()),
      },
      log: { ...silentLog, warn: (fields: { reason: string }) => reasons.push(fields.reason) } as never,
    },
    files,
    () => identity,
    (what) => {
      seen.push(what)
      stopping.abort()
    },
    stopping.signal,
  )
  return { renewed: seen, reasons }
}

describe('a CA certificate that is due', () => {
  it('is replaced by one that the CA has signed', async () => {
    const { renewed: seen } = await renewed(newCa ?? '')
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
    const { renewed: seen, reasons } = await renewed(forged.toString('pem'))
    expect(seen).toEqual([])
    expect(reasons).toEqual(['the registry sent a CA certificate that our CA has not signed'])
    expect(readFileSync(files.ca, 'utf8')).toBe(pki.ca)
  })

  it.each(['', 'garbage', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'is not replaced by %j',
    async (pem) => {
      const { renewed: seen, reasons } = await renewed(pem)
      expect(seen).toEqual([])
      expect(reasons).toEqual([expect.stringContaining('no usable CA certificate')])
      expect(readFileSync(files.ca, 'utf8')).toBe(pki.ca)
    },
  )
})
