import 'reflect-metadata'
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, webcrypto } from 'node:crypto'
import { workerData } from 'node:worker_threads'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  Name as AsnName,
  AttributeTypeAndValue,
  AttributeValue,
  RelativeDistinguishedName,
} from '@peculiar/asn1-x509'
import { Name, Pkcs10CertificateRequest, X509Certificate, X509CertificateGenerator } from '@peculiar/x509'
import { encrypt, sign } from '../../core/crypto/rsa.ts'
import { newSecret } from '../../core/crypto/secret.ts'

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
const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' }
const caKey: KeyObject = createPrivateKey(caKeyPem)
const ca = new X509Certificate(caPem)
const signingKey = webcrypto.subtle.importKey(
  'pkcs8',
  caKey.export({ type: 'pkcs8', format: 'der' }),
  algorithm,
  false,
  ['sign'],
)

const COMMON_NAME = '2.5.4.3'
const SERIAL_NUMBER = '2.5.4.5'

/** Whether a CSR can be used; a reason if not. */
export async function checkRequest({ pem }: { readonly pem: string }): Promise<string | undefined> {
  try {
    const request = readRequest(pem)
    const key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), type: 'spki', format: 'der' })
    const caBits = caKey.asymmetricKeyDetails?.modulusLength
    if (key.asymmetricKeyType !== 'rsa') return 'its key is not an RSA key'
    // Sessions send X and the CA's signature over X as two halves of equal length: other key lengths cannot work.
    if (key.asymmetricKeyDetails?.modulusLength !== caBits)
      return `its key has not ${caBits} bits, as the CA's has`
    return (await request.verify()) ? undefined : 'its signature is wrong'
  } catch {
    return 'it is not a certificate request in PEM'
  }
}

/** Makes a certificate, in PEM. */
export async function issue(task: IssueTask): Promise<string> {
  const source =
    task.source.kind === 'request' ? readRequest(task.source.pem) : new X509Certificate(task.source.pem)
  const certificate = await X509CertificateGenerator.create({
    serialNumber: evenHex(task.serial),
    subject: subjectWith(source.subjectName, task),
    issuer: ca.subjectName,
    notBefore: new Date(task.notBeforeMs),
    notAfter: new Date(task.notAfterMs),
    publicKey: source.publicKey,
    signingKey: await signingKey,
    signingAlgorithm: algorithm,
  })
  return `${certificate.toString('pem')}\n`
}

/** The first certificate request in a text; what stands before and after it is ignored. */
function readRequest(text: string): Pkcs10CertificateRequest {
  const match = /^-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----\r?\n([\s\S]+?)-----END /m.exec(text)
  if (!match) throw new Error('no certificate request')
  return new Pkcs10CertificateRequest(Buffer.from(match[1] ?? '', 'base64'))
}

/** Every component of `subject` but CN and serialNumber, in its order, then the registry's serialNumber and CN. */
function subjectWith(subject: Name, { subjectSerial, subnetName }: IssueTask): Name {
  const name = AsnConvert.parse(subject.toArrayBuffer(), AsnName)
  const kept = [...name]
    .map((rdn) => [...rdn].filter(({ type }) => type !== COMMON_NAME && type !== SERIAL_NUMBER))
    .filter((attributes) => attributes.length > 0)
    .map((attributes) => new RelativeDistinguishedName(attributes))
  const own = (type: string, value: AttributeValue) =>
    new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value })])
  return new Name(
    new AsnName([
      ...kept,
      own(SERIAL_NUMBER, new AttributeValue({ printableString: String(subjectSerial) })),
      own(COMMON_NAME, new AttributeValue({ utf8String: subnetName })),
    ]),
  )
}

const evenHex = (serial: number): string => {
  const hex = serial.toString(16)
  return hex.length % 2 === 0 ? hex : `0${hex}`
}

/** `hello`: a new secret, encrypted to the certificate's key, and the CA's signature over that. */
export function hello({ certificatePem }: { readonly certificatePem: string }): {
  secret: Uint8Array
  answer: Uint8Array
} {
  const random = randomBytes(20)
  const secret = newSecret(random.readBigUInt64BE(12), random)
  const encrypted = encrypt(createPublicKey(certificatePem), secret)
  return { secret, answer: Buffer.concat([encrypted, sign(caKey, encrypted)]) }
}

/** Encrypts each text to the certificate's key; an empty one stays empty. */
export function encryptTo({
  certificatePem,
  data,
}: {
  readonly certificatePem: string
  readonly data: readonly Uint8Array[]
}): Uint8Array[] {
  const key = createPublicKey(certificatePem)
  return data.map((one) => (one.length === 0 ? one : encrypt(key, one)))
}

/** Signs with the CA's key. */
export const signData = ({ data }: { readonly data: Uint8Array }): Uint8Array => sign(caKey, data)
