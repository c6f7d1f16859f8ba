import { AsnConvert } from '@peculiar/asn1-schema'
import { AttributeTypeAndValue, AttributeValue, Name, RelativeDistinguishedName } from '@peculiar/asn1-x509'
import { COMMON_NAME, SERIAL_NUMBER, SUBJECT_ATTRIBUTES } from '../../core/crypto/subject-attributes.ts'

/*
 * What of a requested subject the CA signs. Whoever enrols chooses it, and every node and every OpenVPN reads it from
 * then on: a type that OpenSSL cannot print makes a certificate that nobody can read, and each attribute costs the
 * servers that are dialled with it. So there is a white list of attributes and of string types, and a limit.
 */

/** More than subjects have that people fill in by hand. */
const MAX_ATTRIBUTES = 32
/** OpenVPN keeps 256 characters of an attribute; RFC 5280 (appendix A.1) allows at most 128 for most of them. */
const MAX_VALUE_LENGTH = 256
/** Length of the subject in DER: with keys and signature, a certificate stays far below what nodes accept. */
const MAX_SUBJECT_LENGTH = 2_048

/** Set by the registry, whatever the request says. */
const isReserved = ({ type }: AttributeTypeAndValue): boolean =>
  type === COMMON_NAME || type === SERIAL_NUMBER

/** What is wrong with the subject (a Name in DER) of a request; undefined if it can be signed. Never throws. */
export function subjectProblem(subject: Uint8Array): string | undefined {
  if (subject.length > MAX_SUBJECT_LENGTH) return `its subject is longer than ${MAX_SUBJECT_LENGTH} bytes`
  let name: Name
  try {
    name = AsnConvert.parse(subject, Name)
  } catch {
    return 'its subject cannot be read'
  }
  return nameProblem(name)
}

function nameProblem(name: Name): string | undefined {
  const attributes = [...name].flatMap((rdn) => [...rdn]).filter((one) => !isReserved(one))
  if (attributes.length > MAX_ATTRIBUTES) return `its subject has more than ${MAX_ATTRIBUTES} attributes`
  for (const attribute of attributes) {
    const problem = attributeProblem(attribute)
    if (problem !== undefined) return problem
  }
  return undefined
}

/**
 * The subject (a Name in DER) of a certificate: the components of the requested one, in their order, without those that
 * the registry sets, then the registry's. Of a certificate that another registry made there may be some that ours would
 * refuse: they are left out, so that it can be renewed.
 * @throws for what is no Name
 */
export function signedSubject(
  requested: Uint8Array,
  { subjectSerial, subnetName }: { readonly subjectSerial: number; readonly subnetName: string },
): Buffer {
  const own = (type: string, value: AttributeValue) =>
    new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value })])
  const name = new Name([
    ...keptComponents(AsnConvert.parse(requested, Name)),
    own(SERIAL_NUMBER, new AttributeValue({ printableString: String(subjectSerial) })),
    own(COMMON_NAME, new AttributeValue({ utf8String: subnetName })),
  ])
  return Buffer.from(AsnConvert.serialize(name))
}

function keptComponents(subject: Name): RelativeDistinguishedName[] {
  const kept: RelativeDistinguishedName[] = []
  let length = 0
  let count = 0
  for (const rdn of subject) {
    const attributes = [...rdn].filter(
      (attribute) => !isReserved(attribute) && attributeProblem(attribute) === undefined,
    )
    if (attributes.length === 0) continue
    const component = new RelativeDistinguishedName(attributes)
    length += AsnConvert.serialize(component).byteLength
    count += attributes.length
    if (length > MAX_SUBJECT_LENGTH || count > MAX_ATTRIBUTES) break
    kept.push(component)
  }
  return kept
}

function attributeProblem({ type, value }: AttributeTypeAndValue): string | undefined {
  const [name] = SUBJECT_ATTRIBUTES[type] ?? []
  if (name === undefined) return `its subject has the attribute ${type}, which no certificate here may have`
  const text = value.utf8String ?? value.printableString ?? value.ia5String
  if (text === undefined) return `its subject has a ${name} that is no UTF-8, printable or IA5 string`
  if (text.length > MAX_VALUE_LENGTH)
    return `its subject has a ${name} of more than ${MAX_VALUE_LENGTH} characters`
  // Names go into logs and into the environment of programs.
  if (/\p{Cc}|\p{Cs}/u.test(text)) return `its subject has a ${name} with control characters`
  if (value.utf8String === undefined && /[^ -~]/.test(text))
    return `its subject has a ${name} with characters that its string type does not have`
  return undefined
}
