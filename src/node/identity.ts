import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import {
  type Authority,
  keyMatches,
  type NodeCertificate,
  readAuthority,
  readNodeCertificate,
  verifyCertificate,
} from '../core/crypto/certificate.ts'
import { dayOf } from '../core/day.ts'
import { codeOf, Re6stError, readTroubleOf } from '../core/errors.ts'
import { nodeAddress } from '../core/values/prefix.ts'

/** Who this node is: its authority, certificate and key, and the address that follows from them. */
export interface Identity {
  readonly authority: Authority
  readonly certificate: NodeCertificate
  readonly privateKey: KeyObject
  /** The node's own address in the network. */
  readonly address: string
}

/**
 * What is to be said of a certificate that has ended, by the clock of this machine: it may be the clock. Undefined: it has
 * not ended.
 */
export function endedNotice({ authority, certificate }: Identity, nowMs: number): string | undefined {
  const endMs = Math.min(authority.notAfterMs, certificate.notAfterMs)
  if (nowMs <= endMs) return undefined
  const [end, now] = [endMs, nowMs].map(dayOf)
  return `the certificate of this node, or of the CA, ended on ${end}, and the clock of this machine says ${now}: nobody connects to us before it is renewed, or the clock is right`
}

/** Paths of the three files. */
export interface IdentityFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/**
 * Reads and checks the node's files. Dates are not checked: an expired node must be able to start, to renew.
 * @throws Re6stError `FILE` or `CERTIFICATE`, saying which file is wrong and how to mend it
 */
export async function readIdentity(files: IdentityFiles, nowMs: number): Promise<Identity> {
  const [ca, cert, key] = await Promise.all([
    readOption('--ca', files.ca),
    readOption('--cert', files.cert),
    readOption('--key', files.key),
  ])
  const authority = readAuthority(ca)
  if (!authority.ok) throw unusable('--ca', files.ca, authority.reason)
  const certificate = readNodeCertificate(cert)
  if (!certificate.ok) throw unusable('--cert', files.cert, certificate.reason)
  const privateKey = readKey(files.key, key)
  if (!keyMatches(certificate.value, privateKey))
    throw unusable('--key', files.key, `it is not the key of the certificate ${files.cert}`)
  const verified = verifyCertificate(authority.value, certificate.value, { dates: 'lenient', nowMs })
  if (!verified.ok) throw unusable('--cert', files.cert, `${verified.reason} (CA: ${files.ca})`)
  return {
    authority: authority.value,
    certificate: certificate.value,
    privateKey,
    address: nodeAddress(authority.value.network, certificate.value.prefix),
  }
}

async function readOption(option: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const remedy = codeOf(error) === 'ENOENT' ? `; ${WHERE_FROM}` : ''
    throw new Re6stError(
      'FILE',
      `${option} ${resolve(path)}: cannot be read: ${readTroubleOf(error)}${remedy}`,
      {
        cause: error,
      },
    )
  }
}

const WHERE_FROM = 're6st-conf makes it; relative paths begin at the directory in which re6stnet is started'

function readKey(path: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw new Re6stError('FILE', `--key ${path}: not a private key without password, in PEM`, {
      cause: error,
    })
  }
}

const unusable = (option: string, path: string, reason: string) =>
  new Re6stError('CERTIFICATE', `${option} ${path}: ${reason}`)
