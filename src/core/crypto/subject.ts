// Before `toLegacyObject` loads a part of it: where Node 20 begins with that part, `createSecureContext` is missing in the whole,
// for as long as the process runs, and with it TLS.
import 'node:tls'
import type { X509Certificate } from 'node:crypto'

/** The attributes of a certificate's subject by their names, or OIDs without one; several of one name in their order. */
export function subjectAttributesOf(
  x509: X509Certificate,
): Readonly<Record<string, string | readonly string[] | undefined>> {
  const subject: unknown = x509.toLegacyObject().subject
  return { ...(subject as Record<string, string | readonly string[]> | undefined) }
}
