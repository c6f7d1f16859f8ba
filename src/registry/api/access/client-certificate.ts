import { X509Certificate } from 'node:crypto'
import { subjectAttributesOf } from '../../../core/crypto/subject.ts'
import { messageOf, Re6stError } from '../../../core/errors.ts'
import { ok, type Result, refuse } from '../../../core/result.ts'

/** What a certificate may be for: clients of TLS, or anything (RFC 5280, 4.2.1.12). */
const CLIENT_PURPOSES = ['1.3.6.1.5.5.7.3.2', '2.5.29.37.0']
/** Longest header that is looked at. */
const MAX_LENGTH = 12_000
const PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/**
 * Authorities of administrators.
 * @param option that names the file, for people
 * @throws Re6stError `CERTIFICATE` when there is none in it, or one that may sign no others
 */
export function readClientAuthorities(option: string, pem: string): X509Certificate[] {
  const blocks = pem.match(PEM) ?? []
  if (blocks.length === 0) throw new Re6stError('CERTIFICATE', `${option}: not a certificate in PEM`)
  return blocks.map((block) => {
    let authority: X509Certificate
    try {
      authority = new X509Certificate(block)
    } catch (error) {
      throw new Re6stError('CERTIFICATE', `${option}: not a certificate in PEM (${messageOf(error)})`, {
        cause: error,
      })
    }
    if (!authority.ca)
      throw new Re6stError('CERTIFICATE', `${option}: ${oneLine(authority.subject)} is no authority`)
    return authority
  })
}

/**
 * The certificate that a proxy says its client has shown (Client-Cert, RFC 9440, 2.2): a byte sequence of RFC 8941, 3.3.5. Two
 * headers are none: one of them is the client's own.
 */
export function certificateOfHeader(header: string | string[] | undefined): Result<X509Certificate> {
  if (header === undefined) return refuse('the proxy has passed on no certificate: choose one in the browser')
  const text = typeof header === 'string' && header.length <= MAX_LENGTH ? header : ''
  const [, base64] = /^ *:([A-Za-z0-9+/]+={0,2}): *$/.exec(text) ?? []
  if (base64 === undefined) return refuse('Client-Cert: not one certificate as RFC 9440 writes it')
  try {
    return ok(new X509Certificate(Buffer.from(base64, 'base64')))
  } catch {
    return refuse('Client-Cert: not a certificate')
  }
}

/**
 * Whom a certificate names: its only common name, if one of the authorities has signed it for a client of TLS and it is valid
 * now. There is nothing between it and the authority.
 */
export function nameOfCertificate(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
  nowMs: number,
): Result<string> {
  const authority = authorities.find(
    (one) => certificate.checkIssued(one) && certificate.verify(one.publicKey),
  )
  if (!authority) return refuse('the certificate is not signed by the authority of administrators')
  // What is no date is not in between either.
  for (const [what, { validFrom, validTo }] of [
    ['the certificate', certificate],
    ['the authority of administrators', authority],
  ] as const)
    if (!(Date.parse(validFrom) <= nowMs && nowMs <= Date.parse(validTo)))
      return refuse(`${what} is not valid at this time`)
  // Node calls the extended key usage so; without one, a certificate is for anything.
  const purposes = certificate.keyUsage as readonly string[] | undefined
  if (certificate.ca || (purposes && !purposes.some((purpose) => CLIENT_PURPOSES.includes(purpose))))
    return refuse('the certificate is not for a client of TLS')
  const { CN: name } = subjectAttributesOf(certificate)
  return typeof name === 'string' && name !== ''
    ? ok(name)
    : refuse('the certificate has not one common name')
}

const oneLine = (subject: string): string => subject.replaceAll('\n', ', ')
