import { createPublicKey, type KeyObject } from 'node:crypto'
import { elements } from './der.ts'

/*
 * OpenSSL's decoder takes several times as long for a key in PEM as the encryption to it. From modulus and exponent
 * (RFC 8017, A.1.1), which are found here in the certificate (RFC 5280, 4.1), a key is made at once.
 */

const SEQUENCE = 0x30
const INTEGER = 0x02
const BIT_STRING = 0x03
/** `version [0] EXPLICIT` of TBSCertificate, which may be missing. */
const VERSION = 0xa0
/** serialNumber, signature, issuer, validity, subject come before subjectPublicKeyInfo. */
const FIELDS_BEFORE_KEY = 5

/** The public key of a certificate in PEM. @throws when there is none */
export function publicKeyOf(pem: string): KeyObject {
  const numbers = rsaNumbers(pem)
  if (!numbers) return createPublicKey(pem)
  // A number whose first bit is set has a zero in front in DER, and none in JWK (RFC 7518, 6.3.1.1).
  const [n = '', e = ''] = numbers.map((number) =>
    Buffer.from(number[0] === 0 ? number.subarray(1) : number).toString('base64url'),
  )
  return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
}

function rsaNumbers(pem: string): readonly Uint8Array[] | undefined {
  const [, base64] = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(pem) ?? []
  const [certificate] = elements(Buffer.from(base64 ?? '', 'base64'))
  const [tbs] = certificate ? elements(certificate.content) : []
  const fields = tbs ? elements(tbs.content) : []
  const info = fields[FIELDS_BEFORE_KEY + (fields[0]?.tag === VERSION ? 1 : 0)]
  const [, bits] = info?.tag === SEQUENCE ? elements(info.content) : []
  // The first byte says how many bits are unused: none.
  const [key] = bits?.tag === BIT_STRING ? elements(bits.content.subarray(1)) : []
  const numbers = key?.tag === SEQUENCE ? elements(key.content) : []
  const isRsa = numbers.length === 2 && numbers.every(({ tag }) => tag === INTEGER)
  return isRsa ? numbers.map(({ content }) => content) : undefined
}
