import { constants, verify } from 'node:crypto'
import { DER_TAG, elements, pemContent } from '../../core/crypto/der.ts'
import { type RsaNumbers, rsaNumbersOf, rsaPublicKey } from '../../core/crypto/public-key.ts'
import { subjectProblem } from './subject.ts'

/** A request for a certificate (PKCS #10, RFC 2986, 4), each part in DER as it stands there. */
export interface CertificateRequest {
  readonly subject: Uint8Array
  readonly publicKeyInfo: Uint8Array
  /** What the key has signed. */
  readonly info: Uint8Array
  readonly algorithm: Uint8Array
  readonly signature: Uint8Array
}

const NO_REQUEST = 'it is not a certificate request in PEM'
/** Largest public exponent of a node: usual is 65537. A long one makes each verification as slow as a signature. */
const MAX_EXPONENT = 0xffff_ffffn
const MAX_EXPONENT_LENGTH = 4

/** Hashes of RSASSA-PKCS1-v1_5, by the content of the OIDs of the signatures (RFC 8017, A.2.4). */
const PKCS1_HASHES: Readonly<Record<string, string>> = {
  '2a864886f70d010105': 'sha1',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
}
/** Content of the OID of RSASSA-PSS (RFC 8017, A.2.3), and of the hashes in its parameters. */
const PSS = '2a864886f70d01010a'
const PSS_HASHES: Readonly<Record<string, string>> = {
  '2b0e03021a': 'sha1',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
}

/** The first certificate request in a text; undefined if there is none. Never throws. */
export function readRequest(text: string): CertificateRequest | undefined {
  const [request] = elements(
    pemContent(text, 'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST') ?? Buffer.alloc(0),
  )
  const [info, algorithm, signature] = request?.tag === DER_TAG.sequence ? elements(request.content) : []
  const [version, subject, publicKeyInfo] = info?.tag === DER_TAG.sequence ? elements(info.content) : []
  // The first byte of a BIT STRING says how many bits are unused: none.
  const isWhole = signature?.tag === DER_TAG.bitString && signature.content[0] === 0
  return info &&
    version?.tag === DER_TAG.integer &&
    subject?.tag === DER_TAG.sequence &&
    publicKeyInfo?.tag === DER_TAG.sequence &&
    algorithm?.tag === DER_TAG.sequence &&
    isWhole
    ? {
        subject: subject.raw,
        publicKeyInfo: publicKeyInfo.raw,
        info: info.raw,
        algorithm: algorithm.raw,
        signature: signature.content.subarray(1),
      }
    : undefined
}

/**
 * Why a request cannot be used; undefined: it can. Never throws. Costs what a verification does: what would make it
 * slow is refused first.
 * @param caBits sessions send X and the CA's signature over X as two halves of equal length: other key lengths cannot work
 */
export function requestProblem(text: string, caBits: number): string | undefined {
  const request = readRequest(text)
  if (!request) return NO_REQUEST
  // One that is for RSASSA-PSS only has another OID: it cannot decrypt.
  const key = rsaNumbersOf(request.publicKeyInfo)
  if (!key) return 'its key is not an RSA key'
  return (
    keyProblem(key, caBits) ??
    subjectProblem(request.subject) ??
    (isSignedBy(key, request) ? undefined : 'its signature is wrong')
  )
}

function keyProblem({ modulus, exponent }: RsaNumbers, caBits: number): string | undefined {
  const bits = 8 * modulus.length - (Math.clz32(modulus[0] ?? 0) - 24)
  if (bits !== caBits) return `its key has not ${caBits} bits, as the CA's has`
  const value =
    exponent.length <= MAX_EXPONENT_LENGTH ? BigInt(`0x${Buffer.from(exponent).toString('hex')}`) : undefined
  return value === undefined || value < 3n || value > MAX_EXPONENT || value % 2n === 0n
    ? 'its key has an unusual public exponent: use 65537'
    : undefined
}

function isSignedBy(key: RsaNumbers, { info, algorithm, signature }: CertificateRequest): boolean {
  const scheme = schemeOf(algorithm)
  if (!scheme) return false
  try {
    return verify(
      scheme.hash,
      info,
      {
        key: rsaPublicKey(key),
        ...(scheme.isPss
          ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
          : {}),
      },
      signature,
    )
  } catch {
    return false
  }
}

function schemeOf(algorithm: Uint8Array): { readonly hash: string; readonly isPss: boolean } | undefined {
  const [oid, parameters] = inside(algorithm)
  const name = hexOf(oid?.content)
  if (name !== PSS) {
    const hash = PKCS1_HASHES[name]
    return hash === undefined ? undefined : { hash, isPss: false }
  }
  // RSASSA-PSS-params: hashAlgorithm [0] comes first; SHA-1 if it is missing.
  const [first] = parameters ? elements(parameters.content) : []
  if (first?.tag !== DER_TAG.context0) return { hash: 'sha1', isPss: true }
  const [hashOid] = inside(first.content)
  const hash = PSS_HASHES[hexOf(hashOid?.content)]
  return hash === undefined ? undefined : { hash, isPss: true }
}

/** What is in the one element. */
const inside = (der: Uint8Array) => elements(elements(der)[0]?.content ?? new Uint8Array())

const hexOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')
