/*
 * X.509 (RFC 5280, 4.2): a certificate with a critical extension that we do not know must be refused. Node's
 * X509Certificate does not tell, so this looks for them in the DER: only as much of ASN.1 as that needs.
 */

import { elements } from './der.ts'

const SEQUENCE = 0x30
const BOOLEAN = 0x01
const OBJECT_IDENTIFIER = 0x06
/** `extensions [3] EXPLICIT` of TBSCertificate. */
const EXTENSIONS = 0xa3

/** Content of the OIDs that we (that is, OpenSSL's verification) understand: 2.5.29.x, by the last number. */
const UNDERSTOOD = new Set([
  14, // subjectKeyIdentifier
  15, // keyUsage
  17, // subjectAltName
  18, // issuerAltName
  19, // basicConstraints
  30, // nameConstraints
  32, // certificatePolicies
  33, // policyMappings
  35, // authorityKeyIdentifier
  36, // policyConstraints
  37, // extKeyUsage
  54, // inhibitAnyPolicy
])

/** Whether the certificate has a critical extension that is not understood. False for what is no certificate at all. */
export function hasUnknownCriticalExtension(certificate: Uint8Array): boolean {
  const [whole] = elements(certificate)
  const [tbs] = whole ? elements(whole.content) : []
  const explicit = tbs && elements(tbs.content).find(({ tag }) => tag === EXTENSIONS)
  const [list] = explicit ? elements(explicit.content) : []
  if (list?.tag !== SEQUENCE) return false
  return elements(list.content).some((extension) => {
    const [oid, critical] = elements(extension.content)
    if (oid?.tag !== OBJECT_IDENTIFIER || critical?.tag !== BOOLEAN || critical.content[0] === 0) return false
    const [first, second, last] = oid.content
    const isCertificateExtension = oid.content.length === 3 && first === 0x55 && second === 0x1d
    return !(isCertificateExtension && last !== undefined && UNDERSTOOD.has(last))
  })
}
