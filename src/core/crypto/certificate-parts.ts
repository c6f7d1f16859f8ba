import { DER_TAG, elements } from './der.ts'

/** serialNumber, signature and issuer come before the validity, and that before the subject. */
const FIELDS_BEFORE_VALIDITY = 3

/** Parts of a certificate (RFC 5280, 4.1) in DER, each as it stands there. */
export interface CertificateParts {
  readonly subject: Uint8Array
  readonly publicKeyInfo: Uint8Array
}

/** Finds them; undefined in what is no certificate. */
export function certificateParts(der: Uint8Array): CertificateParts | undefined {
  const [, subject, publicKeyInfo] = fieldsFromValidity(der)
  return subject?.tag === DER_TAG.sequence && publicKeyInfo?.tag === DER_TAG.sequence
    ? { subject: subject.raw, publicKeyInfo: publicKeyInfo.raw }
    : undefined
}

/**
 * Since when a certificate is valid, in Unix milliseconds; undefined in what is no certificate. To read all of it, as
 * `X509Certificate` does, takes 50 times as long.
 */
export function validSinceMs(der: Uint8Array): number | undefined {
  const [validity] = fieldsFromValidity(der)
  const [notBefore] = validity?.tag === DER_TAG.sequence ? elements(validity.content) : []
  if (!notBefore) return undefined
  const text = Buffer.from(notBefore.content).toString('latin1')
  // RFC 5280, 4.1.2.5: in UTC, with seconds; years of two digits are from 1950 to 2049.
  const [, century = '', year = '', ...rest] =
    /^(\d\d)??(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? []
  if (year === '' || (century === '') !== (notBefore.tag === DER_TAG.utcTime)) return undefined
  const [month, day, hour, minute, second] = rest
  const since = Date.parse(
    `${century || (Number(year) < 50 ? '20' : '19')}${year}-${month}-${day}T${hour}:${minute}:${second}Z`,
  )
  return Number.isNaN(since) ? undefined : since
}

function fieldsFromValidity(der: Uint8Array): ReturnType<typeof elements> {
  const [certificate] = elements(der)
  const [tbs] = certificate?.tag === DER_TAG.sequence ? elements(certificate.content) : []
  const fields = tbs?.tag === DER_TAG.sequence ? elements(tbs.content) : []
  // `version [0] EXPLICIT`, which may be missing.
  return fields.slice(FIELDS_BEFORE_VALIDITY + (fields[0]?.tag === DER_TAG.context0 ? 1 : 0))
}
