import { createPrivateKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  FINGERPRINT_ALGORITHMS,
  type FingerprintAlgorithm,
  fingerprint,
  keyMatches,
  readAuthority,
  readNodeCertificate,
  readX509,
  renewalDueMs,
  verifyCertificate,
} from '../../../../src/core/crypto/certificate.ts'
import { networkCidr } from '../../../../src/core/values/prefix.ts'
import { fc, test } from '../../../support/property.ts'
import { hex, vectors } from '../../../support/vectors.ts'

type CaName = 'ca' | 'ca_new_prefix' | 'other_ca'

interface Pki extends Record<CaName, string> {
  keys: Record<string, string>
  checks: { name: string; ca: string; certificate: string; lenient: boolean; strict: boolean }[]
  fingerprints: ({ name: string } & Record<FingerprintAlgorithm, string>)[]
  encodings: { name: string; cn: string; der: string }[]
  networks: { ca: CaName; serial: string; network: string; cidr: string }[]
  cases: {
    name: string
    pem: string
    serial: string
    not_before: number
    not_after: number
    verify_lenient: boolean
    verify_strict: boolean
    prefix?: string
    subject: [string, string][]
  }[]
}

const pki = vectors<Pki>('pki.json')
/** All recorded checks hold from the end of 2026 to 2039. */
const NOW_MS = Date.parse('2027-01-01')

function get<T>(result: { ok: true; value: T } | { ok: false; reason: string }): T {
  if (!result.ok) throw new Error(result.reason)
  return result.value
}

const authority = get(readAuthority(pki.ca))
const pemOf = (name: string) => pki.cases.find((one) => one.name === name)?.pem ?? ''
const verifies = (ca: string, certificate: string | Uint8Array, dates: 'strict' | 'lenient') => {
  const read = readX509(certificate)
  return read.ok && verifyCertificate(get(readX509(ca)), read.value, { dates, nowMs: NOW_MS }).ok
}

describe('recorded certificates', () => {
  it.each(pki.cases)('$name verifies as recorded', ({ pem, verify_lenient, verify_strict }) => {
    expect(verifies(pki.ca, pem, 'lenient')).toBe(verify_lenient)
    expect(verifies(pki.ca, pem, 'strict')).toBe(verify_strict)
  })

  it.each(pki.cases.filter(({ prefix }) => prefix !== undefined))('$name is read', (recorded) => {
    const certificate = get(readNodeCertificate(recorded.pem))
    expect(certificate.prefix).toBe(recorded.prefix)
    expect(certificate.serial).toBe(BigInt(recorded.serial))
    expect(certificate.notBeforeMs).toBe(recorded.not_before * 1000)
    expect(certificate.notAfterMs).toBe(recorded.not_after * 1000)
    expect(String(certificate.subjectSerial)).toBe(new Map(recorded.subject).get('serialNumber'))
    expect(renewalDueMs(certificate)).toBe((recorded.not_after - 30 * 24 * 3600) * 1000)
  })

  it.each(pki.checks)('$name: lenient $lenient, strict $strict', ({ ca, certificate, lenient, strict }) => {
    const bytes =
      certificate.startsWith('-----') || !/^[0-9a-f]*$/.test(certificate) ? certificate : hex(certificate)
    expect(verifies(ca, bytes, 'lenient')).toBe(lenient)
    expect(verifies(ca, bytes, 'strict')).toBe(strict)
  })

  it.each(pki.fingerprints)('fingerprints of $name', (recorded) => {
    const der = hex(pki.encodings.find(({ name }) => name === recorded.name)?.der ?? '')
    for (const algorithm of FINGERPRINT_ALGORITHMS)
      expect(fingerprint(algorithm, der).toString('hex')).toBe(recorded[algorithm])
  })

  it.each(pki.networks)('the serial $serial carries $cidr', ({ ca, network, cidr }) => {
    expect(get(readAuthority(pki[ca])).network).toBe(network)
    expect(networkCidr(get(readAuthority(pki[ca])).network)).toBe(cidr)
  })

  it('names the CA’s e-mail address and key length', () => {
    expect([authority.email, authority.keyBits]).toEqual(['re6st@example.com', 2048])
  })

  it('knows its key from another', () => {
    const certificate = get(readNodeCertificate(pemOf('node-a')))
    expect(keyMatches(certificate, createPrivateKey(pki.keys['node-a'] ?? ''))).toBe(true)
    expect(keyMatches(certificate, createPrivateKey(pki.keys['node-b'] ?? ''))).toBe(false)
  })
})

describe('refusals', () => {
  it('of a common name that is no subnet name, with the name', () => {
    expect(readNodeCertificate(pemOf('foreign'))).toEqual({
      ok: false,
      reason: 'the common name of the certificate is not a subnet name (like 5/16): "x"',
    })
  })

  test('of arbitrary bytes', fc.uint8Array({ maxLength: 500 }), (bytes) => {
    expect(readNodeCertificate(bytes).ok).toBe(false)
    expect(readAuthority(bytes).ok).toBe(false)
  })

  const der = get(readNodeCertificate(pemOf('node-a'))).der
  test('of a damaged certificate', fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
    const damaged = Buffer.from(der)
    damaged[at] = (damaged[at] ?? 0) ^ flip
    const read = readNodeCertificate(damaged)
    expect(read.ok && verifyCertificate(authority, read.value, { dates: 'strict', nowMs: NOW_MS }).ok).toBe(
      false,
    )
  })
})
