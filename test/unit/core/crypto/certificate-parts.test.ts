import { expect, it } from 'vitest'
import { validSinceMs } from '../../../../src/core/crypto/certificate-parts.ts'
import { DER_TAG, derElement, pemContent } from '../../../../src/core/crypto/der.ts'
import { fc, test } from '../../../support/property.ts'
import { vectors } from '../../../support/vectors.ts'

const { cases } = vectors<{ cases: { name: string; pem: string; not_before: number }[] }>('pki.json')

it.each(cases)(
  'of the recorded certificate $name it is known since when it is valid',
  ({ pem, not_before }) => {
    expect(validSinceMs(pemContent(pem, 'CERTIFICATE') ?? Buffer.alloc(0))).toBe(not_before * 1000)
  },
)

/** As much of a certificate as comes up to its validity. */
const since = (tag: number, text: string) => {
  const sequence = (...parts: readonly Uint8Array[]) => derElement(DER_TAG.sequence, ...parts)
  const serial = derElement(DER_TAG.integer, Buffer.of(1))
  const validity = sequence(derElement(tag, Buffer.from(text)))
  return validSinceMs(sequence(sequence(serial, sequence(), sequence(), validity)))
}

it.each([
  ['491231235959Z', Date.UTC(2049, 11, 31, 23, 59, 59)],
  ['500101000000Z', Date.UTC(1950, 0, 1)],
  ['20500101000000Z', undefined],
  ['261301000000Z', undefined],
  ['2601010000Z', undefined],
])('the UTCTime %s is %s', (text, ms) => expect(since(DER_TAG.utcTime, text)).toBe(ms))

it.each([
  ['20500101000000Z', Date.UTC(2050, 0, 1)],
  ['500101000000Z', undefined],
])('the GeneralizedTime %s is %s', (text, ms) => expect(since(DER_TAG.generalizedTime, text)).toBe(ms))

test('of what is no certificate nothing is known, and it is no failure', fc.uint8Array(), (bytes) => {
  expect(validSinceMs(bytes)).toBeUndefined()
})
