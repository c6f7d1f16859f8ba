import { DER_TAG, elements } from './der.ts'

/** serialNumber, signature, issuer and validity come before the subject. */
const FIELDS_BEFORE_SUBJECT = 4

/** Parts of a certificate (RFC 5280, 4.1) in DER, each as it stands there. */
export interface CertificateParts {
  readonly subject: Uint8Array
  readonly publicKeyInfo: Uint8Array
}

/** Finds them; undefined in what is no certificate. */
export function certificateParts(der: Uint8Array): CertificateParts | undefined {
  const [certificate] = elements(der)
  const [tbs] = certificate?.tag === DER_TAG.sequence ? elements(certificate.content) : []
  const fields = tbs?.tag === DER_TAG.sequence ? elements(tbs.content) : []
  // `version [0] EXPLICIT`, which may be missing.
  const at = FIELDS_BEFORE_SUBJECT + (fields[0]?.tag === DER_TAG.context0 ? 1 : 0)
  const [subject, publicKeyInfo] = fields.slice(at)
  return subject?.tag === DER_TAG.sequence && publicKeyInfo?.tag === DER_TAG.sequence
    ? { subject: subject.raw, publicKeyInfo: publicKeyInfo.raw }
    : undefined
}
