import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import type { KeyPair } from './self-signed.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const HOUR_MS = 3600_000

/** What a certificate of a client is made with. */
export interface ClientCertificateSettings {
  readonly subject: string
  readonly fromMs?: number
  readonly toMs?: number
  readonly purposes?: readonly x509.ExtendedKeyUsage[]
  readonly isAuthority?: boolean
}

/** An authority of administrators, by default valid for an hour from now on. */
export interface ClientAuthority {
  readonly pem: string
  /** A certificate that it signs (DER). */
  certificate(settings: ClientCertificateSettings): Promise<Buffer>
  /** One with its key. */
  keyPair(settings: ClientCertificateSettings): Promise<KeyPair>
}

const newKeys = () =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>

/** Makes one. Two of the same name have other keys. */
export async function clientAuthority(
  name = 'administrators',
  { toMs = Date.now() + HOUR_MS }: { readonly toMs?: number } = {},
): Promise<ClientAuthority> {
  const keys = await newKeys()
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - 2 * HOUR_MS),
    notAfter: new Date(toMs),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  })
  const make = async (settings: ClientCertificateSettings) => {
    const { subject, fromMs, toMs: endMs, purposes, isAuthority = false } = settings
    const own = await newKeys()
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: '02',
      subject,
      issuer: authority.subjectName,
      notBefore: new Date(fromMs ?? Date.now() - HOUR_MS),
      notAfter: new Date(endMs ?? Date.now() + HOUR_MS),
      publicKey: own.publicKey,
      signingAlgorithm: ALGORITHM,
      signingKey: keys.privateKey,
      extensions: [
        ...(purposes ? [new x509.ExtendedKeyUsageExtension([...purposes])] : []),
        ...(isAuthority ? [new x509.BasicConstraintsExtension(true)] : []),
      ],
    })
    return { certificate, privateKey: own.privateKey }
  }
  return {
    pem: `${authority.toString('pem')}\n`,
    certificate: async (settings) => Buffer.from((await make(settings)).certificate.rawData),
    async keyPair(settings) {
      const { certificate, privateKey } = await make(settings)
      const key = await webcrypto.subtle.exportKey('pkcs8', privateKey)
      return { cert: certificate.toString('pem'), key: x509.PemConverter.encode(key, 'PRIVATE KEY') }
    },
  }
}

/** A certificate as a proxy passes it on (RFC 9440). */
export const clientCertHeader = (der: Buffer): string => `:${der.toString('base64')}:`
