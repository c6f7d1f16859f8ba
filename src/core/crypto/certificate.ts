import { createHash, type KeyObject, X509Certificate } from 'node:crypto'
import { DAY_MS } from '../day.ts'
import { messageOf } from '../errors.ts'
import { ok, type Result, refuse } from '../result.ts'
import { fingerprintText } from '../values/fingerprint-text.ts'
import { type Network, networkOfCaSerial, type Prefix, prefixOfSubnetName } from '../values/prefix.ts'
import { hasUnknownCriticalExtension } from './critical-extensions.ts'
import { subjectAttributesOf } from './subject.ts'

/** When a certificate is valid, in milliseconds since the Unix epoch, both ends included. */
export interface Validity {
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** A node's certificate (protocol, section 3). Read, not yet verified. */
export interface NodeCertificate extends Validity {
  readonly x509: X509Certificate
  readonly der: Buffer
  readonly prefix: Prefix
  /** Common name, e.g. `5/16`. */
  readonly subnetName: string
  /** The certificate's serial number: what the CRL names. */
  readonly serial: bigint
  /** The subject's serialNumber: selects the IPv4 subnet. Undefined if there is none, or not a number. */
  readonly subjectSerial: number | undefined
  readonly publicKey: KeyObject
  /** SHA-1 over the DER: only to notice a change quickly, in the UDP handshake. */
  readonly fingerprintSha1: Buffer
}

/** The network's CA. */
export interface Authority extends Validity {
  readonly x509: X509Certificate
  readonly der: Buffer
  readonly pem: string
  readonly network: Network
  readonly publicKey: KeyObject
  /** Modulus length: node keys have as many bits. */
  readonly keyBits: number
  /** E-mail address in the subject: sender of the registry's mails. */
  readonly email: string | undefined
}

/** Which dates are checked: a peer's strictly; our own leniently, so that an expired node can still renew. */
export interface DateCheck {
  readonly dates: 'strict' | 'lenient'
  readonly nowMs: number
}

/**
 * Longest certificate (in DER) of a node: others are not read. One with a key of 16,384 bits, signed by such a key, has
 * half of it.
 */
export const MAX_CERTIFICATE_LENGTH = 8_192

/** A certificate is renewed from this long before its end on. */
const RENEWAL_PERIOD_MS = 30 * DAY_MS

/** Reads a node certificate, DER or PEM. */
export function readNodeCertificate(derOrPem: Uint8Array | string): Result<NodeCertificate> {
  const read = readX509(derOrPem)
  if (!read.ok) return read
  const { x509, publicKey, serial, ...validity } = read.value
  const subject = subjectOf(x509)
  const subnetName = subject('CN')
  if (subnetName === undefined) return refuse('the certificate has no common name')
  const prefix = prefixOfSubnetName(subnetName)
  if (!prefix.ok) return refuse(`the common name of the certificate is ${prefix.reason}`)
  const subjectSerial = subject('serialNumber')
  return ok({
    x509,
    der: x509.raw,
    prefix: prefix.value,
    subnetName,
    serial,
    subjectSerial:
      subjectSerial !== undefined && /^\d{1,15}$/.test(subjectSerial) ? Number(subjectSerial) : undefined,
    publicKey,
    ...validity,
    fingerprintSha1: fingerprint('sha1', x509.raw),
  })
}

/** Reads a CA certificate, DER or PEM. */
export function readAuthority(derOrPem: Uint8Array | string): Result<Authority> {
  const read = readX509(derOrPem)
  if (!read.ok) return read
  const { x509, publicKey, serial, ...validity } = read.value
  const network = networkOfCaSerial(serial)
  if (!network.ok) return network
  return ok({
    x509,
    der: x509.raw,
    pem: x509.toString(),
    network: network.value,
    publicKey,
    keyBits: publicKey.asymmetricKeyDetails?.modulusLength ?? 0,
    email: subjectOf(x509)('emailAddress'),
    ...validity,
  })
}

/** Whether the CA signed this certificate, and, as far as `check` says, both are valid now. */
export function verifyCertificate(
  authority: Pick<Authority, 'x509' | 'publicKey' | keyof Validity>,
  certificate: Pick<NodeCertificate, 'x509' | keyof Validity>,
  { dates, nowMs }: DateCheck,
): Result<void> {
  const issued = verifyIssued(authority, certificate)
  if (!issued.ok) return issued
  const bothFrom = Math.max(authority.notBeforeMs, certificate.notBeforeMs)
  const bothUntil = Math.min(authority.notAfterMs, certificate.notAfterMs)
  if (nowMs < bothFrom) return refuse('the certificate, or the CA, is not yet valid: is the clock right?')
  // Leniently, it is enough that there was a time when both were valid.
  if ((dates === 'strict' ? nowMs : bothFrom) > bothUntil)
    return refuse('the certificate, or the CA, has expired')
  return ok(undefined)
}

/** Whether the CA signed this certificate, whenever both are valid. */
export function verifyIssued(
  authority: Pick<Authority, 'x509' | 'publicKey'>,
  certificate: Pick<NodeCertificate, 'x509'>,
): Result<void> {
  try {
    if (!certificate.x509.checkIssued(authority.x509))
      return refuse('the certificate was issued by another CA')
    if (!certificate.x509.verify(authority.publicKey))
      return refuse('the signature of the certificate is wrong')
  } catch (error) {
    return refuse(`the certificate cannot be verified: ${messageOf(error)}`)
  }
  // As OpenSSL does: nothing but the CA itself may be its own issuer.
  if (
    certificate.x509.subject === certificate.x509.issuer &&
    !certificate.x509.raw.equals(authority.x509.raw)
  )
    return refuse('the certificate is self-signed')
  if (hasUnknownCriticalExtension(certificate.x509.raw))
    return refuse('the certificate has a critical extension that is not known')
  return ok(undefined)
}

/** Whether `privateKey` belongs to the certificate. */
export const keyMatches = (certificate: Pick<NodeCertificate, 'x509'>, privateKey: KeyObject): boolean =>
  certificate.x509.checkPrivateKey(privateKey)

/** From when on (milliseconds since the Unix epoch) a certificate should be renewed. */
export const renewalDueMs = (validity: Validity): number => validity.notAfterMs - RENEWAL_PERIOD_MS

/** Algorithms of `re6st-conf --fingerprint`. */
export const FINGERPRINT_ALGORITHMS = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const

/** One of them. */
export type FingerprintAlgorithm = (typeof FINGERPRINT_ALGORITHMS)[number]

/** The digest of a certificate's DER. */
export const fingerprint = (algorithm: FingerprintAlgorithm, der: Uint8Array): Buffer =>
  createHash(algorithm).update(der).digest()

/** The one of a certificate that people compare, as `re6st-conf --fingerprint` takes it. */
export const certificateFingerprint = (der: Uint8Array): string =>
  fingerprintText('sha256', fingerprint('sha256', der))

/** An X.509 certificate of any subject, with an RSA key. */
export function readX509(
  derOrPem: Uint8Array | string,
): Result<{ x509: X509Certificate; publicKey: KeyObject; serial: bigint } & Validity> {
  try {
    const x509 = new X509Certificate(derOrPem)
    const publicKey = x509.publicKey
    const notBeforeMs = Date.parse(x509.validFrom)
    const notAfterMs = Date.parse(x509.validTo)
    if (publicKey.asymmetricKeyType !== 'rsa') return refuse('the certificate has no RSA key')
    if (Number.isNaN(notBeforeMs) || Number.isNaN(notAfterMs))
      return refuse('the certificate has no valid dates')
    // RFC 5280, 4.1.2.2: positive. Node writes a negative one as -7E.
    if (!/^[0-9A-F]+$/i.test(x509.serialNumber)) return refuse('the certificate has no valid serial number')
    const serial = BigInt(`0x${x509.serialNumber}`)
    return ok({ x509, publicKey, serial, notBeforeMs, notAfterMs })
  } catch {
    return refuse('not a certificate')
  }
}

/** Reads single values of the subject: of several of one name, the first. */
function subjectOf(x509: X509Certificate): (name: string) => string | undefined {
  const subject = subjectAttributesOf(x509)
  return (name) => [subject[name]].flat()[0]
}
