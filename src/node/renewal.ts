import type { KeyObject } from 'node:crypto'
import {
  type Authority,
  keyMatches,
  type NodeCertificate,
  readAuthority,
  readNodeCertificate,
  renewalDueMs,
  verifyCertificate,
} from '../core/crypto/certificate.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import type { Clock } from '../platform/clock.ts'
import { replaceFile } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import type { Identity, IdentityFiles } from './identity.ts'

/** What renewal needs of its surroundings. */
export interface RenewalComponents {
  readonly registry: {
    renewCertificate(signal: AbortSignal): Promise<string>
    getCa(signal: AbortSignal): Promise<string>
  }
  readonly clock: Clock
  readonly log: Logger
}

/** After a failure, and at the latest to look again: also notices when the machine slept or its clock was set. */
const RETRY_MS = 24 * 3600 * 1000

/** What was renewed. */
export type Renewed =
  | { readonly kind: 'certificate'; readonly certificate: NodeCertificate }
  | { readonly kind: 'authority'; readonly authority: Authority }

/**
 * Asks the registry for a new certificate when ours is due, or was revoked, and writes it over the old file. The
 * registry answers with the present one when it is not due: then nothing changes.
 * @throws Re6stError when the registry cannot be asked or its answer is not a certificate for us
 */
export async function renewCertificate(
  { registry, clock }: RenewalComponents,
  files: IdentityFiles,
  { authority, certificate, privateKey }: Identity,
  signal: AbortSignal,
): Promise<NodeCertificate | undefined> {
  const pem = await registry.renewCertificate(signal)
  const renewed = acceptable(authority, certificate, privateKey, pem, clock.now())
  if (renewed.fingerprintSha1.equals(certificate.fingerprintSha1)) return undefined
  await replaceFile(files.cert, pem)
  return renewed
}

/**
 * Fetches the CA certificate anew and writes it over the old file: the key must be the same; the serial number, and so
 * the network, may be another. This call has no HMAC, so whoever answers in the registry's place must not be able to
 * make such a certificate, nor to bring back an older one.
 * @throws Re6stError when the registry cannot be asked or its answer is not our CA
 */
async function renewAuthority(
  { registry }: RenewalComponents,
  files: IdentityFiles,
  { authority }: Identity,
  signal: AbortSignal,
): Promise<Authority | undefined> {
  const pem = await registry.getCa(signal)
  const renewed = readAuthority(pem)
  if (!renewed.ok)
    throw new Re6stError('REGISTRY', `the registry sent no usable CA certificate: ${renewed.reason}`)
  if (!renewed.value.publicKey.equals(authority.publicKey))
    throw new Re6stError('REGISTRY', 'the registry sent the certificate of another CA: is --registry right?')
  if (renewed.value.x509.fingerprint512 === authority.x509.fingerprint512) return undefined
  if (!isSignedBy(renewed.value, authority))
    throw new Re6stError('REGISTRY', 'the registry sent a CA certificate that our CA has not signed')
  if (renewed.value.notAfterMs < authority.notAfterMs)
    throw new Re6stError('REGISTRY', 'the registry sent a CA certificate that ends earlier than ours')
  await replaceFile(files.ca, pem)
  return renewed.value
}

/**
 * Renews whatever is due, for as long as the node runs. `identity` is asked each time: it changes.
 * @returns when `signal` is aborted
 */
export async function keepRenewed(
  components: RenewalComponents,
  files: IdentityFiles,
  identity: () => Identity,
  onRenewed: (renewed: Renewed) => void,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = components
  while (!signal.aborted) {
    const wait =
      Math.min(renewalDueMs(identity().certificate), renewalDueMs(identity().authority)) - clock.now()
    await clock.sleep(Math.min(Math.max(wait, 0), RETRY_MS), signal).catch(() => {})
    if (signal.aborted) return
    let renewed = 0
    try {
      if (renewalDueMs(identity().authority) <= clock.now()) {
        const authority = await renewAuthority(components, files, identity(), signal)
        if (authority) onRenewed({ kind: 'authority', authority })
        renewed += authority ? 1 : 0
      }
      if (renewalDueMs(identity().certificate) <= clock.now()) {
        const certificate = await renewCertificate(components, files, identity(), signal)
        if (certificate) onRenewed({ kind: 'certificate', certificate })
        renewed += certificate ? 1 : 0
      }
    } catch (error) {
      if (!signal.aborted) log.warn({ reason: messageOf(error), retryMs: RETRY_MS }, 'renewal failed')
    }
    // Due and not renewed: the registry has nothing newer, or failed. Either way, not again before a day is over.
    if (wait <= 0 && renewed === 0) await clock.sleep(RETRY_MS, signal).catch(() => {})
  }
}

function isSignedBy(renewed: Authority, { publicKey }: Authority): boolean {
  try {
    return renewed.x509.verify(publicKey)
  } catch {
    return false
  }
}

function acceptable(
  authority: Authority,
  old: NodeCertificate,
  key: KeyObject,
  pem: string,
  nowMs: number,
): NodeCertificate {
  const renewed = readNodeCertificate(pem)
  if (!renewed.ok)
    throw new Re6stError('REGISTRY', `the registry sent no usable certificate: ${renewed.reason}`)
  const verified = verifyCertificate(authority, renewed.value, { dates: 'lenient', nowMs })
  if (!verified.ok)
    throw new Re6stError(
      'REGISTRY',
      `the registry sent a certificate that does not verify: ${verified.reason}`,
    )
  if (renewed.value.prefix !== old.prefix || !keyMatches(renewed.value, key))
    throw new Re6stError(
      'REGISTRY',
      `the registry sent the certificate of ${renewed.value.subnetName}, which is not ours`,
    )
  return renewed.value
}
