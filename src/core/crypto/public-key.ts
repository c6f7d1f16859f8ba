import { createPublicKey, type KeyObject } from 'node:crypto'
import { certificateParts } from './certificate-parts.ts'
import { DER_TAG, elements, pemContent } from './der.ts'

/*
 * OpenSSL's decoder takes several times as long for a key in PEM as the encryption to it. From modulus and exponent
 * (RFC 8017, A.1.1), which are found here in the certificate, a key is made at once.
 */

/** Content of the OID rsaEncryption (RFC 8017, A.1): 1.2.840.113549.1.1.1. */
const RSA_ENCRYPTION = '2a864886f70d010101'

/** An RSA key, each number without leading zeros. */
export interface RsaNumbers {
  readonly modulus: Uint8Array
  readonly exponent: Uint8Array
}

/** The public key of a certificate in PEM. @throws when there is none */
export function publicKeyOf(pem: string): KeyObject {
  const parts = certificateParts(pemContent(pem, 'CERTIFICATE') ?? Buffer.alloc(0))
  const numbers = parts && rsaNumbersOf(parts.publicKeyInfo)
  return numbers ? rsaPublicKey(numbers) : createPublicKey(pem)
}

/** The RSA key in a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7); undefined for any other, and for nonsense. */
export function rsaNumbersOf(publicKeyInfo: Uint8Array): RsaNumbers | undefined {
  const [info] = elements(publicKeyInfo)
  const [algorithm, bits] = info?.tag === DER_TAG.sequence ? elements(info.content) : []
  const [oid] = algorithm?.tag === DER_TAG.sequence ? elements(algorithm.content) : []
  if (oid?.tag !== DER_TAG.objectIdentifier || Buffer.from(oid.content).toString('hex') !== RSA_ENCRYPTION)
    return undefined
  // The first byte says how many bits are unused: none.
  const isWhole = bits?.tag === DER_TAG.bitString && bits.content[0] === 0
  const [key] = isWhole ? elements(bits.content.subarray(1)) : []
  const numbers = key?.tag === DER_TAG.sequence ? elements(key.content) : []
  const [modulus, exponent] = numbers.map(({ tag, content }) =>
    tag === DER_TAG.integer ? positive(content) : undefined,
  )
  return modulus && exponent && numbers.length === 2 ? { modulus, exponent } : undefined
}

/** The key of these numbers, by JWK (RFC 7518, 6.3.1.1). */
export const rsaPublicKey = ({ modulus, exponent }: RsaNumbers): KeyObject =>
  createPublicKey({
    key: {
      kty: 'RSA',
      n: Buffer.from(modulus).toString('base64url'),
      e: Buffer.from(exponent).toString('base64url'),
    },
    format: 'jwk',
  })

/** The bytes of a positive INTEGER, without the zero that keeps it from being negative; undefined for any other. */
function positive(content: Uint8Array): Uint8Array | undefined {
  const [first = 0x80] = content
  if (first >= 0x80) return undefined
  const start = content.findIndex((byte) => byte !== 0)
  return start < 0 ? undefined : content.subarray(start)
}
