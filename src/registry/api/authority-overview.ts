import { X509Certificate } from 'node:crypto'
import { certificateFingerprint } from '../../core/crypto/certificate.ts'
import type { NetworkOverview } from './schemas/network.ts'

/** Name, dates and fingerprint of an authority. */
export function authorityOf(caPem: string): NetworkOverview['authority'] {
  const x509 = new X509Certificate(caPem)
  return {
    name: /^CN=(.*)$/m.exec(x509.subject)?.[1] ?? x509.subject.replaceAll('\n', ', '),
    notBefore: new Date(x509.validFrom).toISOString(),
    notAfter: new Date(x509.validTo).toISOString(),
    fingerprint: certificateFingerprint(x509.raw),
  }
}
