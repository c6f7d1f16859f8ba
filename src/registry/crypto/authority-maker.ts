import 'reflect-metadata'
import { generateKeyPair, type KeyObject, webcrypto } from 'node:crypto'
import { promisify } from 'node:util'
import * as x509 from '@peculiar/x509'
import { elements } from '../../core/crypto/der.ts'
import { caSerialOf, type Network } from '../../core/values/prefix.ts'
import type { AuthorityKeys } from './cryptography.ts'

const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' } as const
/** A machine whose clock is a little behind can join at once. */
const LENIENCE_MS = 3600 * 1000

/** What a new authority is like. */
export interface NewAuthority {
  readonly network: Network
  /** Common name. */
  readonly name: string
  readonly email: string | undefined
  readonly keyBits: number
  readonly nowMs: number
  /** End of its certificate, in milliseconds since the Unix epoch. */
  readonly notAfterMs: number
  /** Start, where that is not now. */
  readonly notBeforeMs?: number
}

/** Makes an authority: its self-signed certificate, whose serial number carries the network, and its key, in PEM. */
export async function makeAuthority(
  authority: NewAuthority,
): Promise<{ readonly caPem: string; readonly keyPem: string }> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: authority.keyBits })
  const keys = await webKeys(privateKey)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumberOf(authority.network),
    name: [{ CN: [authority.name] }, ...(authority.email === undefined ? [] : [{ E: [authority.email] }])],
    notBefore: new Date(authority.notBeforeMs ?? authority.nowMs - LENIENCE_MS),
    notAfter: new Date(authority.notAfterMs),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  })
  return {
    caPem: `${certificate.toString('pem')}\n`,
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/**
 * The certificate of an authority anew, with the same key and subject.
 * @param changes its new end in milliseconds since the Unix epoch; another network, if it moves there
 */
export async function renewedAuthority(
  { caPem, signer }: AuthorityKeys,
  changes: { readonly notAfterMs: number; readonly network?: Network },
): Promise<string> {
  const old = new x509.X509Certificate(caPem)
  const publicKey = await old.publicKey.export(ALGORITHM, ['verify'])
  const signedBy = (signature: Uint8Array) =>
    x509.X509CertificateGenerator.create({
      serialNumber: changes.network === undefined ? old.serialNumber : serialNumberOf(changes.network),
      subject: old.subjectName,
      issuer: old.issuerName,
      notBefore: old.notBefore,
      notAfter: new Date(changes.notAfterMs),
      publicKey,
      signingAlgorithm: ALGORITHM,
      signature: Uint8Array.from(signature),
      extensions: old.extensions,
    })
  const [certificate] = elements(new Uint8Array((await signedBy(Buffer.of(0))).rawData))
  const [toBeSigned] = elements(certificate?.content ?? Buffer.alloc(0))
  const renewed = await signedBy(await signer.sign(toBeSigned?.raw ?? Buffer.alloc(0)))
  return `${renewed.toString('pem')}\n`
}

async function webKeys(key: KeyObject): Promise<webcrypto.CryptoKeyPair> {
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' })
  const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, true, ['sign'])
  const { n = '', e = '' } = await webcrypto.subtle.exportKey('jwk', privateKey)
  const publicKey = await webcrypto.subtle.importKey('jwk', { kty: 'RSA', n, e }, ALGORITHM, true, ['verify'])
  return { privateKey, publicKey }
}

/** Whole octets in hexadecimal. */
function serialNumberOf(network: Network): string {
  const serial = caSerialOf(network).toString(16)
  return serial.padStart(serial.length + (serial.length % 2), '0')
}
