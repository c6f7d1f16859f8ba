import 'reflect-metadata'
import { createPublicKey, generateKeyPair, type KeyObject, webcrypto, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import { type JsonName, Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import { subjectAttributesOf } from '../core/crypto/subject.ts'
import { COMMON_NAME, COUNTRY, SERIAL_NUMBER, SUBJECT_ATTRIBUTES } from '../core/crypto/subject-attributes.ts'
import { Re6stError } from '../core/errors.ts'

/** Fields of a subject, in order: X.509 attribute (short name, long name or OID) and value. */
export type SubjectFields = readonly (readonly [attribute: string, value: string])[]

/** The two fields of the subject that the registry sets. */
const RESERVED = new Set([COMMON_NAME, SERIAL_NUMBER])

/** Short for a serial number elsewhere; as an attribute of a subject, nobody but the registry has a use for it. */
const SERIAL = 'serial'

/**
 * The OID of a subject attribute that the user may set.
 * @throws Re6stError `OPTION` for an unknown or a reserved attribute
 */
function attributeOid(attribute: string): string {
  const oid = attribute === SERIAL ? SERIAL_NUMBER : oidOf(attribute)
  if (oid === undefined) {
    const known = Object.values(SUBJECT_ATTRIBUTES).map(([name]) => name)
    throw new Re6stError(
      'OPTION',
      `--req ${attribute}: unknown attribute; known are an OID or one of ${known.join(', ')}`,
    )
  }
  if (RESERVED.has(oid))
    throw new Re6stError('OPTION', `--req ${attribute}: this attribute is set by the registry`)
  return oid
}

/** The OID that an attribute's name (or OID) stands for. */
const oidOf = (attribute: string): string | undefined =>
  /^\d+(\.\d+)+$/.test(attribute)
    ? attribute
    : Object.keys(SUBJECT_ATTRIBUTES).find((oid) => SUBJECT_ATTRIBUTES[oid]?.includes(attribute))

/**
 * The fields of an existing certificate that a new request carries over.
 * @throws Re6stError `CERTIFICATE` if it cannot be parsed
 */
export function subjectFieldsOf(pem: string): SubjectFields {
  let subject: ReturnType<typeof subjectAttributesOf>
  try {
    subject = subjectAttributesOf(new X509Certificate(pem))
  } catch (error) {
    throw new Re6stError('CERTIFICATE', 'the certificate cannot be parsed', { cause: error })
  }
  return Object.entries(subject)
    .flatMap(([name, values = []]) => [values].flat().map((value) => [oidOf(name) ?? name, value] as const))
    .filter(([oid]) => /^[\d.]+$/.test(oid) && !RESERVED.has(oid))
}

/**
 * Whether a field is the registry's, and yet may be given: scripts do, and every registry puts its own in that place.
 */
export const isReplacedByRegistry = (attribute: string): boolean => oidOf(attribute) === SERIAL_NUMBER

/**
 * `old` with the fields of `given` added; a field given again replaces the old one, where that stood, and an empty one
 * removes it. What the registry replaces is left out.
 * @throws Re6stError `OPTION` for an attribute that cannot be set, or has no such value
 */
export function mergeSubjectFields(old: SubjectFields, given: SubjectFields): SubjectFields {
  const merged = new Map(old)
  for (const [attribute, value] of given) {
    if (isReplacedByRegistry(attribute)) continue
    const oid = attributeOid(attribute)
    if (value === '') {
      merged.delete(oid)
      continue
    }
    // RFC 5280, appendix A.1.
    if (oid === COUNTRY && !/^[A-Za-z]{2}$/.test(value))
      throw new Re6stError('OPTION', `--req ${attribute} ${value}: a country is two letters, as FR or JP`)
    merged.set(oid, value)
  }
  return [...merged]
}

/** A new RSA key in PEM (PKCS #8). Takes a fraction of a second, in the thread pool. */
export async function generateKey(modulusLength: number): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** A PKCS #10 request in PEM, signed with SHA-512. The registry adds serialNumber and CN to the subject. */
export async function makeCertificateRequest(key: KeyObject, subject: SubjectFields): Promise<string> {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' }
  const [privateKey, publicKey] = await Promise.all([
    webcrypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), algorithm, true, [
      'sign',
    ]),
    webcrypto.subtle.importKey(
      'spki',
      createPublicKey(key).export({ type: 'spki', format: 'der' }),
      algorithm,
      true,
      ['verify'],
    ),
  ])
  const name: JsonName = subject.map(([oid, value]) => ({ [oid]: [value] }))
  const request = await Pkcs10CertificateRequestGenerator.create({
    name,
    keys: { privateKey, publicKey },
    signingAlgorithm: algorithm,
  })
  return `${request.toString('pem')}\n`
}
