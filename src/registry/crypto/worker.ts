import 'reflect-metadata'
import { createPrivateKey, sign as digestAndSign, type KeyObject } from 'node:crypto'
import { workerData } from 'node:worker_threads'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  Certificate,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509'
import { PemConverter, Pkcs10CertificateRequest, X509Certificate } from '@peculiar/x509'
import {
  type Authority,
  MAX_CERTIFICATE_LENGTH,
  readAuthority,
  readNodeCertificate,
  verifyIssued,
} from '../../core/crypto/certificate.ts'
import { COMMON_NAME, SERIAL_NUMBER } from '../../core/crypto/subject-attributes.ts'
import { keptComponents, subjectProblem } from './subject.ts'

/** What the worker is started with. */
export interface WorkerKeys {
  readonly caPem: string
  readonly caKeyPem: string
}

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

const { caPem, caKeyPem } = workerData as WorkerKeys
const caKey: KeyObject = createPrivateKey(caKeyPem)
const issuer = AsnConvert.parse(new X509Certificate(caPem).subjectName.toArrayBuffer(), Name)
const authority = authorityOf(caPem)
/** RFC 4055, 5: its parameters are NULL. */
const sha512WithRsa = new AlgorithmIdentifier({ algorithm: '1.2.840.113549.1.1.13', parameters: null })

/** Largest public exponent of a node: usual is 65537. A long one makes each verification as slow as a signature. */
const MAX_EXPONENT = 0xffff_ffffn

/** Whether a CSR can be used; a reason if not. */
export async function checkRequest({ pem }: { readonly pem: string }): Promise<string | undefined> {
  try {
    const request = readRequest(pem)
    // Not by a key object of OpenSSL: to make one takes longer than to sign.
    const key = request.publicKey.algorithm as {
      readonly name: string
      readonly modulusLength?: number
      readonly publicExponent?: Uint8Array
    }
    const caBits = caKey.asymmetricKeyDetails?.modulusLength
    // One that is for RSASSA-PSS only has no modulus here: it cannot decrypt.
    if (!key.name.startsWith('RSA') || key.publicExponent === undefined) return 'its key is not an RSA key'
    // Sessions send X and the CA's signature over X as two halves of equal length: other key lengths cannot work.
    if (key.modulusLength !== caBits) return `its key has not ${caBits} bits, as the CA's has`
    const exponent = BigInt(`0x${Buffer.from(key.publicExponent).toString('hex') || '0'}`)
    if (exponent < 3n || exponent > MAX_EXPONENT || exponent % 2n === 0n)
      return 'its key has an unusual public exponent: use 65537'
    const problem = subjectProblem(AsnConvert.parse(request.subjectName.toArrayBuffer(), Name))
    if (problem !== undefined) return problem
    return (await request.verify()) ? undefined : 'its signature is wrong'
  } catch {
    return 'it is not a certificate request in PEM'
  }
}

/**
 * Makes a certificate, in PEM. Put together here, and not by the library's generator: that takes twice as long, and
 * this is most of what a request costs the registry. It is read back as nodes and the registry itself will read it.
 * @throws when that fails: what nobody can read is given to nobody
 */
export function issue(task: IssueTask): string {
  const source =
    task.source.kind === 'request' ? readRequest(task.source.pem) : new X509Certificate(task.source.pem)
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: derInteger(task.serial),
    signature: sha512WithRsa,
    issuer,
    validity: new Validity({ notBefore: new Date(task.notBeforeMs), notAfter: new Date(task.notAfterMs) }),
    subject: subjectWith(AsnConvert.parse(source.subjectName.toArrayBuffer(), Name), task),
    subjectPublicKeyInfo: AsnConvert.parse(source.publicKey.rawData, SubjectPublicKeyInfo),
  })
  const signature = digestAndSign('sha512', new Uint8Array(AsnConvert.serialize(tbsCertificate)), caKey)
  const certificate = new Certificate({
    tbsCertificate,
    signatureAlgorithm: sha512WithRsa,
    signatureValue: Uint8Array.from(signature).buffer,
  })
  const der = Buffer.from(AsnConvert.serialize(certificate))
  checkReadable(der, task, Buffer.from(source.publicKey.rawData))
  return `${PemConverter.encode(der, PemConverter.CertificateTag)}\n`
}

function checkReadable(der: Buffer, task: IssueTask, publicKey: Buffer): void {
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
  check(der.includes(publicKey), 'its key is another')
  const issued = verifyIssued(authority, read.value)
  if (!issued.ok) check(false, issued.reason)
}

/** The first certificate request in a text; what stands before and after it is ignored. */
function readRequest(text: string): Pkcs10CertificateRequest {
  const match = /^-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----\r?\n([\s\S]+?)-----END /m.exec(text)
  if (!match) throw new Error('no certificate request')
  return new Pkcs10CertificateRequest(Buffer.from(match[1] ?? '', 'base64'))
}

/** The components of `subject` that are kept, in its order, then the registry's serialNumber and CN. */
function subjectWith(subject: Name, { subjectSerial, subnetName }: IssueTask): Name {
  const own = (type: string, value: AttributeValue) =>
    new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value })])
  return new Name([
    ...keptComponents(subject),
    own(SERIAL_NUMBER, new AttributeValue({ printableString: String(subjectSerial) })),
    own(COMMON_NAME, new AttributeValue({ utf8String: subnetName })),
  ])
}

function authorityOf(pem: string): Authority {
  const read = readAuthority(pem)
  if (!read.ok) throw new Error(read.reason)
  return read.value
}

/** The bytes of a positive INTEGER: its first bit would make it negative. */
function derInteger(value: number): ArrayBuffer {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  const [first = 0] = bytes
  return Uint8Array.from(first < 0x80 ? bytes : [0, ...bytes]).buffer
}
