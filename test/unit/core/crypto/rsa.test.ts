import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  encrypt,
  makeDecryptor,
  selfTestDecryption,
  sign,
  verifySignature,
} from '../../../../src/core/crypto/rsa.ts'
import { fc, test } from '../../../support/property.ts'
import { hex, vectors } from '../../../support/vectors.ts'

interface Pki {
  keys: Record<string, string>
  ca: string
  signatures: { key: string; data: string; signature: string }[]
  decryptions: { key: string; ciphertext: string; plaintext: string }[]
  decryption_failures: { name: string; key: string; ciphertext: string; plaintext: string | null }[]
  verifications: { name: string; key?: string; data: string; signature: string; valid: boolean }[]
}

const pki = vectors<Pki>('pki.json')
const keyOf = (name: string) => createPrivateKey(pki.keys[name] ?? '')

describe('recorded signatures and decryptions', () => {
  it.each(pki.signatures)('$key signs "$data"', ({ key, data, signature }) => {
    expect(sign(keyOf(key), hex(data)).toString('hex')).toBe(signature)
  })

  it.each(pki.verifications)('verification: $name', ({ key, data, signature, valid }) => {
    const publicKey = key ? createPublicKey(keyOf(key)) : new X509Certificate(pki.ca).publicKey
    expect(verifySignature(publicKey, hex(data), hex(signature))).toBe(valid)
  })

  it.each(pki.decryptions)('decryption to "$plaintext"', ({ key, ciphertext, plaintext }) => {
    expect(makeDecryptor(keyOf(key))(hex(ciphertext)).toString('hex')).toBe(plaintext)
  })

  it.each(pki.decryption_failures)(
    'decryption of what is damaged: $name',
    ({ key, ciphertext, plaintext }) => {
      const decrypt = makeDecryptor(keyOf(key))
      const once = decrypt(hex(ciphertext))
      expect(decrypt(hex(ciphertext))).toEqual(once) // no time-dependent or random answer to compare
      if (plaintext !== null) expect(once.toString('hex')).toBe(plaintext)
    },
  )
})

describe('properties', () => {
  const key = keyOf('node-a')
  const publicKey = createPublicKey(key)
  const decrypt = makeDecryptor(key)

  test('what is encrypted is decrypted', fc.uint8Array({ maxLength: 245 }), (message) => {
    expect(decrypt(encrypt(publicKey, message))).toEqual(Buffer.from(message))
  })

  test(
    'arbitrary bytes decrypt to something, without an error',
    fc.uint8Array({ maxLength: 300 }),
    (bytes) => {
      expect(decrypt(bytes).length).toBeLessThan(256)
    },
  )

  test(
    'damage gives a synthetic message, never an error',
    fc.nat(255),
    fc.integer({ min: 1, max: 255 }),
    (at, flip) => {
      const ciphertext = encrypt(publicKey, Buffer.from('a secret of 20 bytes'))
      ciphertext[at] = (ciphertext[at] ?? 0) ^ flip
      expect(decrypt(ciphertext).toString()).not.toBe('a secret of 20 bytes')
    },
  )

  it('passes its own start-up test', () => {
    expect(() => selfTestDecryption(key, publicKey)).not.toThrow()
  })
})
