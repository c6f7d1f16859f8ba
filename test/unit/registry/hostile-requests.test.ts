import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  MAX_CERTIFICATE_LENGTH,
  readAuthority,
  readNodeCertificate,
  verifyCertificate,
} from '../../../src/core/crypto/certificate.ts'
import { formatTarget } from '../../../src/core/rpc/request-target.ts'
import { pemSigner } from '../../../src/registry/crypto/ca-signer.ts'
import { CaCryptography } from '../../../src/registry/crypto/cryptography.ts'
import { emptyDatabase } from '../../support/databases.ts'
import { type Attribute, der, derOid, requestWith, TAG } from '../../support/hostile-requests.ts'
import { fc, test } from '../../support/property.ts'
import { testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const [OU, EMAIL] = ['2.5.4.11', '1.2.840.113549.1.9.1']

async function enrol(url: string, csr: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(url + formatTarget('requestCertificate', { token: '', req: csr }).slice(1))
  return { status: answer.status, text: await answer.text() }
}

/** Subjects that somebody hostile, or somebody's strange tool, sends. */
const SUBJECTS: Readonly<Record<string, readonly Attribute[]>> = {
  'OCTET STRING': [[OU, TAG.octetString, 'x']],
  BOOLEAN: [[OU, TAG.boolean, Buffer.of(0xff)]],
  SEQUENCE: [[OU, TAG.sequence, der(TAG.utf8, 'x')]],
  'BIT STRING': [[OU, TAG.bitString, Buffer.of(0, 1)]],
  TeletexString: [[OU, TAG.teletex, Buffer.of(0xe9)]],
  BMPString: [[OU, TAG.bmp, Buffer.of(0, 0x41)]],
  UniversalString: [[OU, TAG.universal, Buffer.of(0, 0, 0, 0x41)]],
  'an attribute that nobody knows': [['1.3.6.1.4.1.99999.1', TAG.utf8, 'x']],
  '1,700 attributes': Array.from({ length: 1_700 }, (): Attribute => [OU, TAG.utf8, 'x']),
  'a long value': [[OU, TAG.utf8, 'x'.repeat(257)]],
  'a long subject': Array.from({ length: 12 }, (): Attribute => [OU, TAG.utf8, 'x'.repeat(250)]),
  'a line break': [[OU, TAG.utf8, 'x\ny']],
  'an escape sequence': [[OU, TAG.utf8, 'x\u001b[2J']],
  'a NUL': [[EMAIL, TAG.ia5, 'a@example.com\0.example.org']],
  'a printable string of other bytes': [[OU, TAG.printable, Buffer.of(0xff, 0xfe)]],
}

describe('a request that would make a certificate which nobody can read', () => {
  it('is refused with the reason, and the registry starts again', async () => {
    const databasePath = await emptyDatabase()
    {
      await using registry = await testRegistry({ databasePath })
      for (const [name, subject] of Object.entries(SUBJECTS)) {
        const { status, text } = await enrol(registry.url, requestWith(subject))
        expect([status, text], name).toEqual([400, expect.stringMatching(/cannot be used: its subject/)])
      }
    }
    await using again = await testRegistry({ databasePath })
    expect((await enrol(again.url, requestWith([[OU, TAG.utf8, 'fine']]))).status).toBe(200)
  })

  it('as is one whose key nobody can use, or only slowly', async () => {
    await using registry = await testRegistry()
    const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
    const jwk = createPublicKey(pki.keys['node-a'] ?? '').export({ format: 'jwk' })
    const withExponent = (exponent: Buffer) =>
      createPublicKey({ key: { ...jwk, e: exponent.toString('base64url') }, format: 'jwk' }).export({
        format: 'der',
        type: 'spki',
      })
    const key = createPrivateKey(pki.keys['node-a'] ?? '')
    const requests = [
      requestWith([], {
        key: pss.privateKey,
        spki: pss.publicKey.export({ format: 'der', type: 'spki' }),
      }),
      ...[Buffer.of(1), Buffer.of(4), Buffer.alloc(255, 0x55)].map((exponent) =>
        requestWith([], { key, spki: withExponent(exponent) }),
      ),
    ]
    for (const request of requests) {
      const { status, text } = await enrol(registry.url, request)
      expect([status, text]).toEqual([400, expect.stringMatching(/cannot be used: its/)])
    }
  })
})

describe('what is signed', () => {
  const authority = readAuthority(pki.ca)
  const oid = fc.constantFrom(OU, EMAIL, '2.5.4.3', '2.5.4.5', '2.5.4.10', '2.5.4.6', '1.2.3.4')
  const tag = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(TAG.utf8, TAG.printable, TAG.ia5) },
    fc.integer({ min: 1, max: 0x3e }),
  )
  const value = fc.oneof(fc.string(), fc.uint8Array({ maxLength: 60 }))
  const subjects = fc.array(fc.tuple(oid, tag, value), { maxLength: 6 })
  const cryptography = new CaCryptography({ caPem: pki.ca, signer: pemSigner(pki.keys['ca'] ?? '') })

  test('is what every reader reads, and no other, for any subject', subjects, async (subject) => {
    const pem = requestWith(subject)
    if (cryptography.checkRequest(pem) !== undefined) return
    const nowMs = Date.now()
    const issued = readNodeCertificate(
      await cryptography.issue({
        source: { kind: 'request', pem },
        serial: 7,
        subjectSerial: 3,
        subnetName: '5/16',
        notBeforeMs: nowMs,
        notAfterMs: nowMs + 86_400_000,
      }),
    )
    expect(issued).toMatchObject({ ok: true, value: { serial: 7n, subjectSerial: 3, subnetName: '5/16' } })
    if (!issued.ok || !authority.ok) return
    expect(issued.value.der.length).toBeLessThanOrEqual(MAX_CERTIFICATE_LENGTH)
    expect(verifyCertificate(authority.value, issued.value, { dates: 'strict', nowMs })).toHaveProperty(
      'ok',
      true,
    )
  })

  it('of a subject that another registry took, only what ours takes: it can still be renewed', async () => {
    const request = requestWith([
      [OU, TAG.utf8, 'kept'],
      [OU, TAG.teletex, Buffer.of(0xe9)],
      ['2.5.4.10', TAG.printable, 'also kept'],
    ])
    const pem = await cryptography.issue({
      source: { kind: 'request', pem: request },
      serial: 8,
      subjectSerial: 3,
      subnetName: '5/16',
      notBeforeMs: Date.now(),
      notAfterMs: Date.now() + 86_400_000,
    })
    const issued = readNodeCertificate(pem)
    expect(issued.ok && issued.value.x509.subject.split('\n')).toEqual([
      'OU=kept',
      'O=also kept',
      'serialNumber=3',
      'CN=5/16',
    ])
  })
})

it('DER of the tests is DER', () => {
  expect(derOid(EMAIL).toString('hex')).toBe('06092a864886f70d010901')
})
