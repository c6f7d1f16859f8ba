import { constants, createPrivateKey, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { pemContent, pemOf } from '../../../src/core/crypto/der.ts'
import { readRequest, requestProblem } from '../../../src/registry/crypto/certificate-request.ts'
import { der, derOid, requestWith, TAG } from '../../support/hostile-requests.ts'
import { fc, test } from '../../support/property.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const key = createPrivateKey(pki.keys['node-a'] ?? '')
const BITS = 2048
const NULL = der(0x05)

describe('a certificate request', () => {
  it('of a node can be used, whatever stands around it', () => {
    const csr = pki.csr['node-a'] ?? ''
    for (const text of [csr, `some text\n${csr}more`, csr.replaceAll('BEGIN CERT', 'BEGIN NEW CERT')])
      expect(requestProblem(text, BITS)).toBeUndefined()
  })

  it.each([
    ['sha1', '1.2.840.113549.1.1.5'],
    ['sha256', '1.2.840.113549.1.1.11'],
    ['sha384', '1.2.840.113549.1.1.12'],
  ])('may be signed with RSA and %s', (hash, oid) => {
    const algorithm = der(TAG.sequence, derOid(oid), NULL)
    const request = requestWith([], { algorithm, signer: (info) => sign(hash, info, key) })
    expect(requestProblem(request, BITS)).toBeUndefined()
    // The same signature said to be of another kind.
    const other = requestWith([], { signer: (info) => sign(hash, info, key) })
    expect(requestProblem(other, BITS)).toBe('its signature is wrong')
  })

  it('may be signed with RSASSA-PSS', () => {
    const hash = der(0xa0, der(TAG.sequence, derOid('2.16.840.1.101.3.4.2.1')))
    const algorithm = der(TAG.sequence, derOid('1.2.840.113549.1.1.10'), der(TAG.sequence, hash))
    const padding = constants.RSA_PKCS1_PSS_PADDING
    const signer = (info: Buffer) => sign('sha256', info, { key, padding })
    expect(requestProblem(requestWith([], { algorithm, signer }), BITS)).toBeUndefined()
  })

  it('of a key of another length cannot', () => {
    expect(requestProblem(pki.csr['node-a'] ?? '', 4096)).toMatch(/4096 bits/)
  })

  test('of any bytes cannot', fc.uint8Array({ maxLength: 400 }), (bytes) => {
    expect(requestProblem(pemOf('CERTIFICATE REQUEST', bytes), BITS)).toBeTypeOf('string')
  })

  const good = pemContent(pki.csr['node-a'] ?? '', 'CERTIFICATE REQUEST') ?? Buffer.alloc(0)
  const signed = readRequest(pki.csr['node-a'] ?? '')?.info.length ?? 0
  const damage = fc.record({ at: fc.nat(signed - 1), bit: fc.nat(7) })
  test('in which a bit was changed of what is signed cannot', damage, ({ at, bit }) => {
    const changed = Buffer.from(good)
    // Behind tag and length of the whole.
    const place = 4 + at
    changed[place] = (changed[place] ?? 0) ^ (1 << bit)
    expect(requestProblem(pemOf('CERTIFICATE REQUEST', changed), BITS)).toBeTypeOf('string')
  })
})
