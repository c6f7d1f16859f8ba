import 'reflect-metadata'
import { createPrivateKey, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { type NodeCertificate, readNodeCertificate } from '../../src/core/crypto/certificate.ts'
import { vectors } from './vectors.ts'

const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' } as const
const pki = vectors<{ keys: Record<string, string> }>('pki.json')

/** A copy (PEM) of a certificate of the recorded network, signed by its CA, with so many more attributes in its subject. */
export async function copyWithAttributes(pem: string, count: number): Promise<string> {
  const original = new x509.X509Certificate(pem)
  const subject = [
    ...Array.from({ length: count }, (_, n) => ({ OU: [`unit ${n}`] })),
    ...original.subjectName.toJSON(),
  ]
  const copy = await x509.X509CertificateGenerator.create({
    serialNumber: original.serialNumber,
    subject: new x509.Name(subject),
    issuer: original.issuerName,
    notBefore: original.notBefore,
    notAfter: original.notAfter,
    publicKey: original.publicKey,
    signingAlgorithm: ALGORITHM,
    signingKey: await keyOf('ca'),
  })
  return `${copy.toString('pem')}\n`
}

const keyOf = (name: string): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey(
    'pkcs8',
    createPrivateKey(pki.keys[name] ?? '').export({ format: 'der', type: 'pkcs8' }),
    ALGORITHM,
    false,
    ['sign'],
  )

/** A copy of a certificate that another of the recorded CAs' keys has signed. */
export async function copySignedBy(certificate: NodeCertificate, keyName: string): Promise<NodeCertificate> {
  const original = new x509.X509Certificate(certificate.der)
  const copy = await x509.X509CertificateGenerator.create({
    serialNumber: original.serialNumber,
    subject: original.subjectName,
    issuer: original.issuerName,
    notBefore: original.notBefore,
    notAfter: original.notAfter,
    publicKey: original.publicKey,
    signingAlgorithm: ALGORITHM,
    signingKey: await keyOf(keyName),
  })
  const read = readNodeCertificate(Buffer.from(copy.rawData))
  if (!read.ok) throw new Error(read.reason)
  return read.value
}
