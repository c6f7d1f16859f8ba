import { X509Certificate } from 'node:crypto'
import {
  type Authority,
  MAX_CERTIFICATE_LENGTH,
  readAuthority,
  readNodeCertificate,
  verifyIssued,
} from '../../core/crypto/certificate.ts'
import { certificateParts } from '../../core/crypto/certificate-parts.ts'
import { DER_TAG, derElement, derInteger, pemOf } from '../../core/crypto/der.ts'
import { readRequest } from './certificate-request.ts'
import { signedSubject } from './subject.ts'

/** A certificate to be made; times in milliseconds since the Unix epoch. */
export interface IssueTask {
  /** A CSR, or an existing certificate of the same key and subject; in PEM. */
  readonly source: { readonly kind: 'request' | 'certificate'; readonly pem: string }
  readonly serial: number
  readonly subjectSerial: number
  readonly subnetName: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** X.509 version 3 is 2 (RFC 5280, 4.1.2.1). */
const VERSION = derElement(DER_TAG.context0, derInteger(2n))
/** sha512WithRSAEncryption: 1.2.840.113549.1.1.13; its parameters are NULL (RFC 4055, 5). */
const SHA512_WITH_RSA = derElement(
  DER_TAG.sequence,
  derElement(DER_TAG.objectIdentifier, Buffer.from('2a864886f70d01010d', 'hex')),
  derElement(DER_TAG.null),
)
/** RFC 5280, 4.1.2.5: from this year on, and before 1950, dates are written with four digits. */
const [UTC_TIME_FROM, UTC_TIME_UNTIL] = [1950, 2050]

/** Makes the certificates of nodes. */
export class CertificateMaker {
  readonly #authority: Authority
  readonly #issuer: Uint8Array
  readonly #sign: (data: Uint8Array) => Promise<Buffer>

  /**
   * @param sign with the CA's key, RSASSA-PKCS1-v1_5 with SHA-512
   * @throws when the CA's certificate is none
   */
  constructor(caPem: string, sign: (data: Uint8Array) => Promise<Buffer>) {
    const authority = readAuthority(caPem)
    const parts = authority.ok ? certificateParts(authority.value.der) : undefined
    if (!authority.ok || !parts) throw new Error(authority.ok ? 'the CA has no subject' : authority.reason)
    this.#authority = authority.value
    this.#issuer = parts.subject
    this.#sign = sign
  }

  /**
   * Makes a certificate, in PEM. It is read back as nodes and the registry itself will read it.
   * @throws when that fails: what nobody can read is given to nobody
   */
  async issue(task: IssueTask): Promise<string> {
    const { subject, publicKeyInfo } = partsOf(task)
    const tbs = derElement(
      DER_TAG.sequence,
      VERSION,
      derInteger(BigInt(task.serial)),
      SHA512_WITH_RSA,
      this.#issuer,
      derElement(DER_TAG.sequence, derTime(task.notBeforeMs), derTime(task.notAfterMs)),
      signedSubject(subject, task),
      publicKeyInfo,
    )
    const signature = await this.#sign(tbs)
    const der = derElement(
      DER_TAG.sequence,
      tbs,
      SHA512_WITH_RSA,
      derElement(DER_TAG.bitString, Buffer.of(0), signature),
    )
    this.#checkReadable(der, task, publicKeyInfo)
    return pemOf('CERTIFICATE', der)
  }

  #checkReadable(der: Buffer, task: IssueTask, publicKeyInfo: Uint8Array): void {
    const check = (isRight: boolean, what: string) => {
      if (!isRight) throw new Error(`the certificate of ${task.subnetName} would be unusable: ${what}`)
    }
    check(der.length <= MAX_CERTIFICATE_LENGTH, `it is longer than ${MAX_CERTIFICATE_LENGTH} bytes`)
    const read = readNodeCertificate(der)
    if (!read.ok) return check(false, read.reason)
    const { subnetName, serial, subjectSerial, x509 } = read.value
    check(x509.raw.equals(der), 'it is read as another')
    check(subnetName === task.subnetName, 'its common name is not the subnet name')
    check(serial === BigInt(task.serial), 'its serial number is another')
    check(subjectSerial === task.subjectSerial, "its subject's serialNumber is another")
    check(der.includes(Buffer.from(publicKeyInfo)), 'its key is another')
    const issued = verifyIssued(this.#authority, read.value)
    if (!issued.ok) check(false, issued.reason)
  }
}

function partsOf({ source }: IssueTask): {
  readonly subject: Uint8Array
  readonly publicKeyInfo: Uint8Array
} {
  const parts =
    source.kind === 'request'
      ? readRequest(source.pem)
      : certificateParts(new X509Certificate(source.pem).raw)
  if (!parts) throw new Error('there is no certificate request')
  return parts
}

function derTime(ms: number): Buffer {
  const date = new Date(ms)
  // YYYYMMDDhhmmssZ
  const text = date.toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '')
  const year = date.getUTCFullYear()
  return year >= UTC_TIME_FROM && year < UTC_TIME_UNTIL
    ? derElement(DER_TAG.utcTime, Buffer.from(text.slice(2)))
    : derElement(DER_TAG.generalizedTime, Buffer.from(text))
}
