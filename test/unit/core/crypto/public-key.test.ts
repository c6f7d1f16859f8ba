import { createPublicKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { publicKeyOf } from '../../../../src/core/crypto/public-key.ts'
import { vectors } from '../../../support/vectors.ts'

const pki = vectors<{ ca: string; other_ca: string; ca_new_prefix: string }>('pki.json')

describe('the key of a certificate', () => {
  it.each([pki.ca, pki.other_ca, pki.ca_new_prefix])('is the one that OpenSSL finds', (pem) => {
    expect(publicKeyOf(pem).export({ format: 'jwk' })).toEqual(createPublicKey(pem).export({ format: 'jwk' }))
  })

  it('is not found in what is no certificate', () => {
    expect(() => publicKeyOf('nonsense')).toThrow()
    expect(() => publicKeyOf('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')).toThrow()
  })
})
