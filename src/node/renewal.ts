import type { KeyObject } from 'node:crypto'
import { checkAuthority } from '../core/crypto/authority-check.ts'
import {
  type Authority,
  keyMatches,
  type NodeCertificate,
  readAuthority,
  readNodeCertificate,
  renewalDueMs,
  type Validity,
  verifyCertificate,
} from '../core/crypto/certificate.ts'
import { DAY_MS } from '../core/day.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import { GrowingDelay } from '../core/growing-delay.ts'
import type { Clock } from '../platform/clock.ts'
import { replaceFile } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import type { Identity, IdentityFiles } from './identity.ts'

/** What renewal needs of its surroundings. */
export interface RenewalComponents {
  readonly registry: {
    renewCertificate(signal: AbortSignal): Promise<string>
    getCa(signal: AbortSignal): Promise<string>
    /** Whether it has heard from us since we have the certificates that we have. */
    readonly isIdentityTold: boolean
  }
  readonly clock: Clock
  readonly log: Logger
  /** Whether the network's CRL names it. */
  readonly isRevoked: (certificate: NodeCertificate) => boolean
}

/** After a failure, and at the latest to look again: also notices when the machine slept or its clock was set. */
const RETRY_MS = DAY_MS
/** After a failure when others refuse our certificate: there is no network for us until it is renewed. */
const SHUT_OUT_DELAYS = { minMs: 60_000, maxMs: 3600_000 }
/** After a start, and after failures, the registry is told what we have, unless it hears that from another call. */
const TELLING_DELAYS = { minMs: 60_000, maxMs: RETRY_MS }

/** What was renewed. */
export type Renewed =
  | { readonly kind: 'certificate'; readonly certificate: NodeCertificate }
  | { readonly kind: 'authority'; readonly authority: Authority }

/**
 * Asks the registry for a new certificate when ours is due, or was revoked, and writes it over the old file. The
 * registry answers with the present one when it is not due: then nothing changes.
 * @throws Re6stError when the registry cannot be asked or its answer is not a certificate for us
 */
async function renewCertificate(
  { registry, clock, isRevoked }: Pick<RenewalComponents, 'registry' | 'clock' | 'isRevoked'>,
  files: IdentityFiles,
  { authority, certificate, privateKey }: Identity,
  signal: AbortSignal,
): Promise<NodeCertificate | undefined> {
  const pem = await registry.renewCertificate(signal)
  const renewed = acceptable(authority, certificate, privateKey, pem, clock.now())
  if (renewed.fingerprintSha1.equals(certificate.fingerprintSha1)) return undefined
  refuseFormer(certificate, renewed, isRevoked(certificate))
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
  { registry }: Pick<RenewalComponents, 'registry'>,
  files: IdentityFiles,
  { authority }: Identity,
  signal: AbortSignal,
): Promise<Authority | undefined> {
  const pem = await registry.getCa(signal)
  const renewed = readAuthority(pem)
  if (!renewed.ok)
    throw new Re6stError('REGISTRY', `the registry sent no usable CA certificate: ${renewed.reason}`)
  if (renewed.value.x509.fingerprint512 === authority.x509.fingerprint512) return undefined
  const checked = checkAuthority(renewed.value, authority)
  if (!checked.ok)
    throw new Re6stError(
      'REGISTRY',
      `the registry sent a CA certificate that is not ours, ${checked.reason}: is --registry right?`,
    )
  await replaceFile(files.ca, pem)
  return renewed.value
}

/** Renews whatever is due, for as long as the node runs. */
export class Renewal {
  readonly #components: RenewalComponents
  readonly #files: IdentityFiles
  readonly #identity: () => Identity
  readonly #onRenewed: (renewed: Renewed) => void
  #look = new AbortController()
  readonly #shutOut = new GrowingDelay(SHUT_OUT_DELAYS)
  readonly #telling = new GrowingDelay(TELLING_DELAYS)
  #failure: string | undefined

  /** @param identity asked each time: it changes */
  constructor(
    components: RenewalComponents,
    files: IdentityFiles,
    identity: () => Identity,
    onRenewed: (renewed: Renewed) => void,
  ) {
    this.#components = components
    this.#files = files
    this.#identity = identity
    this.#onRenewed = onRenewed
  }

  /** Why the last renewal failed that was due; undefined: it did not. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** Does not wait for the next time: our certificate was revoked, or the registry may answer now. */
  lookNow(): void {
    this.#shutOut.reset()
    this.#telling.reset()
    this.#look.abort()
  }

  /** @returns when `signal` is aborted */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const lookMs = this.#components.registry.isIdentityTold ? RETRY_MS : this.#telling.take()
      await this.#sleep(Math.min(Math.max(this.#dueInMs(), 0), lookMs), signal)
      if (signal.aborted) return
      const outcome = this.#dueInMs() > 0 ? 'not due' : await this.#renew(signal)
      if (outcome !== 'failed') await this.#tell(signal)
      if (outcome === 'not due') continue
      if (outcome !== 'renewed') await this.#sleep(this.#isShutOut ? this.#shutOut.take() : RETRY_MS, signal)
      if (outcome === 'renewed' || !this.#isShutOut) this.#shutOut.reset()
    }
  }

  #dueInMs(): number {
    const { certificate, authority } = this.#identity()
    if (this.#components.isRevoked(certificate)) return 0
    return Math.min(renewalDueMs(certificate), renewalDueMs(authority)) - this.#components.clock.now()
  }

  get #isShutOut(): boolean {
    const { clock, isRevoked } = this.#components
    const { certificate, authority } = this.#identity()
    return isRevoked(certificate) || Math.min(certificate.notAfterMs, authority.notAfterMs) < clock.now()
  }

  get #retryMs(): number {
    return this.#isShutOut ? this.#shutOut.ms : RETRY_MS
  }

  /** Any call of ours says what we have. */
  async #tell(signal: AbortSignal): Promise<void> {
    const { registry, log } = this.#components
    if (registry.isIdentityTold || signal.aborted) return
    try {
      await this.#renewCertificate(signal)
      this.#telling.reset()
    } catch (error) {
      log.debug({ reason: messageOf(error) }, 'the registry does not know which certificates we have')
    }
  }

  async #renewCertificate(signal: AbortSignal): Promise<boolean> {
    const certificate = await renewCertificate(this.#components, this.#files, this.#identity(), signal)
    if (certificate) this.#onRenewed({ kind: 'certificate', certificate })
    return certificate !== undefined
  }

  async #renew(signal: AbortSignal): Promise<'renewed' | 'nothing newer' | 'failed'> {
    const { clock, log, isRevoked } = this.#components
    const isDue = (validity: Validity) => renewalDueMs(validity) <= clock.now()
    let isRenewed = false
    try {
      if (isDue(this.#identity().authority)) {
        const authority = await renewAuthority(this.#components, this.#files, this.#identity(), signal)
        if (authority) this.#onRenewed({ kind: 'authority', authority })
        isRenewed = authority !== undefined
      }
      const { certificate: present } = this.#identity()
      if (isDue(present) || isRevoked(present)) {
        isRenewed = (await this.#renewCertificate(signal)) || isRenewed
      }
    } catch (error) {
      if (!signal.aborted) {
        this.#failure = messageOf(error)
        log.warn({ reason: this.#failure, retryMs: this.#retryMs }, 'renewal failed')
      }
      return isRenewed ? 'renewed' : 'failed'
    }
    this.#failure = undefined
    return isRenewed ? 'renewed' : 'nothing newer'
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    await this.#components.clock.sleep(ms, AbortSignal.any([signal, this.#look.signal])).catch(() => {})
    if (this.#look.signal.aborted) this.#look = new AbortController()
  }
}

/** Answers of the registry are not bound to the question: one from former times can be said again. */
function refuseFormer(old: NodeCertificate, renewed: NodeCertificate, isRevoked: boolean): void {
  if (renewed.serial < old.serial)
    throw new Re6stError('REGISTRY', 'the registry sent a certificate that it made before ours')
  // In place of a revoked one, which may have ended later, anything is better.
  if (renewed.notAfterMs < old.notAfterMs && !isRevoked)
    throw new Re6stError('REGISTRY', 'the registry sent a certificate that ends earlier than ours')
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
