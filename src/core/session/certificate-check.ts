import {
  type Authority,
  MAX_CERTIFICATE_LENGTH,
  type NodeCertificate,
  readNodeCertificate,
  verifyCertificate,
} from '../crypto/certificate.ts'
import { ok, type Result, refuse } from '../result.ts'
import { TokenBucket } from '../token-bucket.ts'
import { PeerWorkLimit, WorkLimit, type WorkRates } from './work-limit.ts'

/*
 * Anyone inside the network can send us certificates, and each costs a signature to verify (about 0.2 ms). So:
 * the certificate that a peer had before costs nothing; strangers share a limit, and each of them has a small one of
 * their own, so that one who floods us does not lock out the others; whoever speaks from the subnet of a peer that we
 * know, or have spoken to, has the limit of all such peers, and when that is used up (source addresses can be forged)
 * each peer has a little of its own.
 */

/** For strangers in all, for peers in all, and for what each peer has of its own, in all. */
const ALL: WorkRates = { perSecond: 100, msPerSecond: 20 }
/** For each stranger (by /64 of its address). */
const STRANGER_PER_SECOND = 1
const STRANGER_BURST = 5
/** How many strangers have a bucket of their own. */
const MAX_STRANGERS = 2_000
/** How often, at most, those that were calm for a while are looked for when there are too many. */
const FORGET_MS = 1_000

/** A peer in whose subnet the sender lies. */
export interface CheckedPeer {
  /** The one that was verified last. */
  readonly certificate: NodeCertificate | undefined
  /** What it has for itself when there is nothing left for all peers. */
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
  readonly #strangers: WorkLimit
  readonly #peers: PeerWorkLimit
  readonly #bySource = new Map<string, TokenBucket>()
  #forgottenMs = Number.NEGATIVE_INFINITY

  /** @param stopwatchMs processor time that was used so far */
  constructor(authority: Authority, stopwatchMs: () => number) {
    this.#authority = authority
    this.#strangers = new WorkLimit(ALL, stopwatchMs)
    this.#peers = new PeerWorkLimit(ALL, stopwatchMs)
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
    const limit = this.#limitFor(sourceBits, peer, time.monotonicMs)
    return limit
      ? limit.spend(() => this.#verify(der, sourceBits, before, time))
      : refuse('too many certificates to verify at the moment')
  }

  #verify(
    der: Uint8Array,
    sourceBits: string,
    before: NodeCertificate | undefined,
    time: CheckTime,
  ): Result<NodeCertificate> {
    const read = readNodeCertificate(der)
    if (!read.ok) return read
    const certificate = read.value
    // More bytes behind the certificate would make many datagrams of one.
    if (certificate.der.length !== der.length) return refuse('bytes behind the certificate')
    if (!sourceBits.startsWith(certificate.prefix)) return refuse('the certificate of another subnet')
    if (this.isRevoked(certificate)) return refuse('the certificate is revoked')
    // Serials are never used twice, and grow: an old one is public, and may be in the hands of somebody else.
    if (before && certificate.serial < before.serial && this.#checkAgain(before, time.wallMs).ok)
      return refuse('an older certificate than the one that the peer has')
    const verified = verifyCertificate(this.#authority, certificate, { dates: 'strict', nowMs: time.wallMs })
    return verified.ok ? ok(certificate) : verified
  }

  #checkAgain(certificate: NodeCertificate, wallMs: number): Result<NodeCertificate> {
    if (this.isRevoked(certificate)) return refuse('the certificate is revoked')
    if (wallMs > Math.min(certificate.notAfterMs, this.#authority.notAfterMs))
      return refuse('the certificate has expired')
    return ok(certificate)
  }

  /** To what it is charged; undefined: not now. */
  #limitFor(sourceBits: string, peer: CheckedPeer | undefined, nowMs: number): WorkLimit | undefined {
    if (peer) return this.#peers.take(peer.verifications, nowMs)
    const subnet = sourceBits.slice(0, Math.max(16, 64 - this.#authority.network.length))
    let own = this.#bySource.get(subnet)
    if (!own) {
      if (this.#bySource.size >= MAX_STRANGERS) this.#forgetCalm(nowMs)
      // As many strangers as that at once are a flood: no memory for each, the common bucket alone decides.
      own = new TokenBucket(STRANGER_PER_SECOND, STRANGER_BURST)
      if (this.#bySource.size < MAX_STRANGERS) this.#bySource.set(subnet, own)
    }
    return own.take(nowMs) && this.#strangers.take(nowMs) ? this.#strangers : undefined
  }

  #forgetCalm(nowMs: number): void {
    if (nowMs - this.#forgottenMs < FORGET_MS) return
    this.#forgottenMs = nowMs
    for (const [source, bucket] of this.#bySource) if (bucket.isFull(nowMs)) this.#bySource.delete(source)
  }
}
