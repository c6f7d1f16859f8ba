import {
  type Authority,
  type NodeCertificate,
  readNodeCertificate,
  verifyCertificate,
} from '../crypto/certificate.ts'
import { type Result, refuse } from '../result.ts'
import { TokenBucket } from './token-bucket.ts'

/*
 * Anyone inside the network can send us certificates, and each costs a signature to verify (about 0.2 ms). So:
 * a certificate that verified before costs nothing; strangers share a bucket, and each of them has a small one of
 * their own, so that one who floods us does not lock out the others; and whoever speaks from the subnet of a node
 * that we know has another bucket, which a flood of strangers does not empty.
 */

/** Verifications a second for strangers, in all: 2 % of a core. */
const STRANGERS_PER_SECOND = 100
/** For each stranger (by /64 of its address). */
const STRANGER_PER_SECOND = 1
const STRANGER_BURST = 5
/** For the known, whose certificate has changed. */
const KNOWN_PER_SECOND = 20
/** How many verified certificates, and how many strangers, are remembered. */
const MAX_REMEMBERED = 2_000

/** Verifies certificates of peers, at a bounded cost. */
export class CertificateCheck {
  readonly #authority: Authority
  #revoked: ReadonlySet<bigint> = new Set()
  /** By DER, the one used last at the end. */
  readonly #verified = new Map<string, NodeCertificate>()
  readonly #strangers = new TokenBucket(STRANGERS_PER_SECOND, STRANGERS_PER_SECOND)
  readonly #known = new TokenBucket(KNOWN_PER_SECOND, 2 * KNOWN_PER_SECOND)
  readonly #bySource = new Map<string, TokenBucket>()

  constructor(authority: Authority) {
    this.#authority = authority
  }

  setRevoked(serials: ReadonlySet<bigint>): void {
    this.#revoked = serials
  }

  /** Whether its serial is in the CRL. */
  isRevoked(certificate: Pick<NodeCertificate, 'serial'>): boolean {
    return this.#revoked.has(certificate.serial)
  }

  /**
   * Reads and verifies a certificate, strictly.
   * @param sourceBits the bits of the sender's address after the network
   * @param isKnownSource whether they lie in the subnet of a node whose certificate we have
   */
  check(der: Uint8Array, sourceBits: string, isKnownSource: boolean, nowMs: number): Result<NodeCertificate> {
    const key = Buffer.from(der).toString('latin1')
    const before = this.#verified.get(key)
    if (before === undefined && !this.#mayVerify(sourceBits, isKnownSource, nowMs))
      return refuse('too many certificates to verify at the moment')
    const read = before ? { ok: true as const, value: before } : readNodeCertificate(der)
    if (!read.ok) return read
    const certificate = read.value
    // More bytes behind the certificate would make many datagrams of one.
    if (certificate.der.length !== der.length) return refuse('bytes behind the certificate')
    if (!sourceBits.startsWith(certificate.prefix)) return refuse('the certificate of another subnet')
    if (this.isRevoked(certificate)) return refuse('the certificate is revoked')
    if (before) {
      if (nowMs > Math.min(before.notAfterMs, this.#authority.notAfterMs))
        return refuse('the certificate has expired')
    } else {
      const verified = verifyCertificate(this.#authority, certificate, { dates: 'strict', nowMs })
      if (!verified.ok) return verified
    }
    this.#remember(key, certificate)
    return { ok: true, value: certificate }
  }

  #mayVerify(sourceBits: string, isKnownSource: boolean, nowMs: number): boolean {
    if (isKnownSource) return this.#known.take(nowMs)
    const subnet = sourceBits.slice(0, Math.max(16, 64 - this.#authority.network.length))
    let own = this.#bySource.get(subnet)
    if (!own) {
      if (this.#bySource.size >= MAX_REMEMBERED) this.#forgetIdle(nowMs)
      // As many strangers as that at once are a flood: no memory for each, the common bucket alone decides.
      own = new TokenBucket(STRANGER_PER_SECOND, STRANGER_BURST)
      if (this.#bySource.size < MAX_REMEMBERED) this.#bySource.set(subnet, own)
    }
    return own.take(nowMs) && this.#strangers.take(nowMs)
  }

  #forgetIdle(nowMs: number): void {
    for (const [source, bucket] of this.#bySource) if (bucket.isFull(nowMs)) this.#bySource.delete(source)
  }

  #remember(key: string, certificate: NodeCertificate): void {
    this.#verified.delete(key)
    this.#verified.set(key, certificate)
    const [oldest] = this.#verified.keys()
    if (this.#verified.size > MAX_REMEMBERED && oldest !== undefined) this.#verified.delete(oldest)
  }
}
