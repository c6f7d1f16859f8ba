import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import * as x509 from '@peculiar/x509'
import { type Network, networkCidr } from '../src/core/values/prefix.ts'
import {
  makeAuthority as makeAuthorityPair,
  renewedAuthority,
} from '../src/registry/crypto/authority-maker.ts'
import { pemSigner } from '../src/registry/crypto/ca-signer.ts'

/** Files of a certification authority. */
export interface Authority {
  readonly caFile: string
  readonly keyFile: string
}

const ALGORITHM = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' } as const
/** The least that OpenSSL's default security level takes; keys of nodes get as many bits. */
const KEY_BITS = 2048
const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS

/** Makes the key and the certificate (serial number: the network) of a new authority. */
export async function makeAuthority(directory: string, network: Network): Promise<Authority> {
  const nowMs = Date.now()
  const { caPem, keyPem } = await makeAuthorityPair({
    network,
    name: `Lab ${networkCidr(network).replace('/', ' ')}`,
    email: 'registry@lab.example',
    keyBits: KEY_BITS,
    nowMs,
    notBeforeMs: nowMs - YEAR_MS,
    notAfterMs: nowMs + 10 * YEAR_MS,
  })
  const authority: Authority = {
    caFile: path.join(directory, 'ca.crt'),
    keyFile: path.join(directory, 'ca.key'),
  }
  writeFileSync(authority.caFile, caPem)
  writeFileSync(authority.keyFile, keyPem, { mode: 0o600 })
  return authority
}

/** The same certificate, signed anew, but expired for a day: what a machine has that was off for too long. */
export const expiredCopy = (authority: Authority, certificatePem: string): Promise<string> =>
  copySigned(authority, certificatePem, Date.now() - DAY_MS)

/** The same certificate, signed anew, with another end. */
export const copyUntil = copySigned

/**
 * The certificate of the same authority, signed anew by its own key.
 * @param network another one: it moves there
 */
export async function renewAuthority(
  { caFile, keyFile }: Authority,
  { notAfterMs, network }: { readonly notAfterMs: number; readonly network?: Network },
): Promise<void> {
  const [caPem, caKeyPem] = [caFile, keyFile].map((file) => readFileSync(file, 'utf8')) as [string, string]
  const changes = network === undefined ? { notAfterMs } : { notAfterMs, network }
  writeFileSync(caFile, await renewedAuthority({ caPem, signer: pemSigner(caKeyPem) }, changes))
}

/** The same certificate, signed by somebody else: what a stranger makes who would like to be that machine. */
export const forgedCopy = (stranger: Authority, certificatePem: string): Promise<string> =>
  copySigned(stranger, certificatePem, Date.now() + DAY_MS)

async function copySigned(authority: Authority, certificatePem: string, notAfterMs: number): Promise<string> {
  const certificate = new x509.X509Certificate(certificatePem)
  const key = x509.PemConverter.decodeFirst(readFileSync(authority.keyFile, 'utf8'))
  const copy = await x509.X509CertificateGenerator.create({
    serialNumber: certificate.serialNumber,
    subject: certificate.subjectName,
    issuer: certificate.issuerName,
    notBefore: new Date(Date.now() - YEAR_MS),
    notAfter: new Date(notAfterMs),
    publicKey: certificate.publicKey,
    signingAlgorithm: ALGORITHM,
    signingKey: await webcrypto.subtle.importKey('pkcs8', key, ALGORITHM, false, ['sign']),
  })
  return `${copy.toString('pem')}\n`
}
