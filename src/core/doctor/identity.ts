import { createPrivateKey, type KeyObject } from 'node:crypto'
import {
  type Authority,
  keyMatches,
  type NodeCertificate,
  readAuthority,
  readNodeCertificate,
  verifyCertificate,
} from '../crypto/certificate.ts'
import { ok, type Result, refuse } from '../result.ts'
import { dateText, durationText } from './duration-text.ts'
import type { Finding } from './finding.ts'

/** A file of the node's identity. */
export interface FileFacts {
  /** The option that names it. */
  readonly option: string
  readonly path: string
  readonly content: Result<string>
  /** Permission bits; undefined: it could not be looked at. */
  readonly mode: number | undefined
}

/** The three files that say who a node is. */
export interface IdentityFacts {
  readonly ca: FileFacts
  readonly cert: FileFacts
  readonly key: FileFacts
}

/** What the files hold, as far as they can be read. */
export interface ReadFacts {
  readonly authority: Result<Authority>
  readonly certificate: Result<NodeCertificate>
  readonly key: Result<KeyObject>
}

/** Group and others. */
const OTHERS = 0o077

const MAKE_AGAIN = 're6st-conf makes it: run it again with --registry and --dir'

/** Reads the files. */
export const readIdentityFacts = ({ ca, cert, key }: IdentityFacts): ReadFacts => ({
  authority: ca.content.ok ? readAuthority(ca.content.value) : ca.content,
  certificate: cert.content.ok ? readNodeCertificate(cert.content.value) : cert.content,
  key: key.content.ok ? readKey(key.content.value) : key.content,
})

/** Whether a certificate and its authority belong together, whatever the date is. */
export const isIssuedBy = (authority: Authority, certificate: NodeCertificate): Result<void> =>
  verifyCertificate(authority, certificate, { dates: 'lenient', nowMs: Number.POSITIVE_INFINITY })

/**
 * Judges the files of the identity.
 * @param nowMs the right time, as well as it is known
 */
export function judgeIdentity(files: IdentityFacts, read: ReadFacts, nowMs: number): Finding[] {
  const { authority, certificate, key } = read
  return [
    ...unusable(files.ca, authority),
    ...unusable(files.cert, certificate),
    ...unusable(files.key, key),
    ...(authority.ok && certificate.ok ? foreign(files, authority.value, certificate.value) : []),
    ...(certificate.ok && key.ok && !keyMatches(certificate.value, key.value) ? [mismatch(files)] : []),
    ...exposed(files.key),
    ...(authority.ok ? expired(files.ca, authority.value.notAfterMs, nowMs, AUTHORITY_EXPIRED) : []),
    ...(certificate.ok ? expired(files.cert, certificate.value.notAfterMs, nowMs, CERTIFICATE_EXPIRED) : []),
  ]
}

const CERTIFICATE_EXPIRED =
  'start the node: it renews its certificate when the registry answers; if the registry refuses, get a new one with re6st-conf'
const AUTHORITY_EXPIRED =
  'ask the operator of the network to renew the certificate of the authority; nodes then fetch it from the registry'

function unusable({ option, path }: FileFacts, read: Result<unknown>): Finding[] {
  if (read.ok) return []
  return [{ code: 'file-not-usable', what: `${option} ${path}: ${read.reason}`, remedy: MAKE_AGAIN }]
}

function foreign(files: IdentityFacts, authority: Authority, certificate: NodeCertificate): Finding[] {
  const issued = isIssuedBy(authority, certificate)
  if (issued.ok) return []
  return [
    {
      code: 'certificate-foreign',
      what: `${files.cert.path} is not a certificate of ${files.ca.path}: ${issued.reason}`,
      remedy:
        'both must be of the same network: put back the right file, or make both again with re6st-conf in an empty directory',
    },
  ]
}

const mismatch = (files: IdentityFacts): Finding => ({
  code: 'key-mismatch',
  what: `${files.key.path} is not the key of the certificate ${files.cert.path}`,
  remedy:
    'put back the key with which the certificate was asked for; if it is lost, get a new certificate with re6st-conf',
})

function exposed({ path, mode }: FileFacts): Finding[] {
  if (mode === undefined || (mode & OTHERS) === 0) return []
  return [
    {
      code: 'key-exposed',
      what: `${path} has mode ${mode.toString(8).padStart(4, '0')}: others than its owner can get at the private key`,
      remedy: `chmod 600 ${path}; if others use this machine, also get a new certificate with a new key`,
    },
  ]
}

function expired({ path }: FileFacts, notAfterMs: number, nowMs: number, remedy: string): Finding[] {
  if (nowMs <= notAfterMs) return []
  const what = `${path} expired ${durationText(nowMs - notAfterMs)} ago (${dateText(notAfterMs)})`
  return [{ code: 'certificate-expired', what, remedy }]
}

function readKey(pem: string): Result<KeyObject> {
  try {
    return ok(createPrivateKey(pem))
  } catch {
    return refuse('not a private key without password, in PEM')
  }
}
