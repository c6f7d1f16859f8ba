import {
  type Authority,
  MAX_CERTIFICATE_LENGTH,
  type NodeCertificate,
  readNodeCertificate,
  verifyCertificate,
} from '../crypto/certificate.ts'
import { ok, type Result, refuse } from '../result.ts'
import { TokenBucket } from '../token-bucket.ts'

/*
 * Anyone inside the network can send us certificates, and each costs a signature to verify (about 0.2 ms). So:
 * the certificate that a peer had before costs nothing; strangers share a bucket, and each of them has a small one of
 * their own, so that one who floods us does not lock out the others; and whoever speaks from the subnet of a peer that
 * we know, or have spoken to, has the bucket of that peer, which a flood of strangers does not empty.
 */

/** Verifications a second for strangers, in all: 2 % of a core. */
const STRANGERS_PER_SECOND = 100
/** For each stranger (by /64 of its address). */
const STRANGER_PER_SECOND = 1
const STRANGER_BURST = 5
/** For all peers whose certificate is new or has changed. */
const PEERS_PER_SECOND = 100
/** How many strangers have a bucket of their own. */
const MAX_STRANGERS = 2_000
/** How often, at most, those that were calm for a while are looked for when there are too many. */
const FORGET_MS = 1_000

/** A peer in whose subnet the sender lies. */
export interface CheckedPeer {
  /** The one that was verified last. */
  readonly certificate: NodeCertificate | undefined
  /** Limits what others cost us in its name. */
  readonly verifications: TokenBucket
}

/** When a certificate came. */
export interface CheckTime {
  /** For the rate. */
  readonly monotonicMs: number
  /** For the dates. */
  readonly wallMs: number
}

/** Verifies certificates of peers, at a bounded cost. */
export class CertificateCheck {
  readonly #authority: Authority
  #revoked: ReadonlySet<bigint> = new Set()
  readonly #strangers = new TokenBucket(STRANGERS_PER_SECOND, STRANGERS_PER_SECOND)
  readonly #peers = new TokenBucket(PEERS_PER_SECOND, PEERS_PER_SECOND)
  readonly #bySource = new Map<string, TokenBucket>()
  #forgottenMs = Number.NEGATIVE_INFINITY

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
   * @param peer whom we know, or have spoken to, at this address
   */
  check(
    der: Uint8Array,
    sourceBits: string,
    peer: CheckedPeer | undefined,
    time: CheckTime,
  ): Result<NodeCertificate> {
    const before = peer?.certificate
    if (before?.der.equals(der)) return this.#checkAgain(before, time.wallMs)
    if (der.length > MAX_CERTIFICATE_LENGTH) return refuse('too long for a certificate')
    if (!this.#mayVerify(sourceBits, peer, time.monotonicMs))
      return refuse('too many certificates to verify at the moment')
    const read = readNodeCertificate(der)
    if (!read.ok) return read
    const certificate = read.value
    // More bytes behind the certificate would make many datagrams of one.
    if (certificate.der.length !== der.length) return refuse('bytes behind the certificate')
    if (!sourceBits.startsWith(certificate.prefix)) return refuse('the certificate of another subnet')
    if (this.isRevoked(certificate)) return refuse('the certificate is revoked')
    const verified = verifyCertificate(this.#authority, certificate, { dates: 'strict', nowMs: time.wallMs })
    return verified.ok ? ok(certificate) : verified
  }

  #checkAgain(certificate: NodeCertificate, wallMs: number): Result<NodeCertificate> {
    if (this.isRevoked(certificate)) return refuse('the certificate is revoked')
    if (wallMs > Math.min(certificate.notAfterMs, this.#authority.notAfterMs))
      return refuse('the certificate has expired')
    return ok(certificate)
  }

  #mayVerify(sourceBits: string, peer: CheckedPeer | undefined, nowMs: number): boolean {
    if (peer) return peer.verifications.take(nowMs) && this.#peers.take(nowMs)
    const subnet = sourceBits.slice(0, Math.max(16, 64 - this.#authority.network.length))
    let own = this.#bySource.get(subnet)
    if (!own) {
      if (this.#bySource.size >= MAX_STRANGERS) this.#forgetCalm(nowMs)
      // As many strangers as that at once are a flood: no memory for each, the common bucket alone decides.
      own = new TokenBucket(STRANGER_PER_SECOND, STRANGER_BURST)
      if (this.#bySource.size < MAX_STRANGERS) this.#bySource.set(subnet, own)
    }
    return own.take(nowMs) && this.#strangers.take(nowMs)
  }

  #forgetCalm(nowMs: number): void {
    if (nowMs - this.#forgottenMs < FORGET_MS) return
    this.#forgottenMs = nowMs
    for (const [source, bucket] of this.#bySource) if (bucket.isFull(nowMs)) this.#bySource.delete(source)
  }
}
