import type { KeyObject } from 'node:crypto'
import { PROTOCOL } from '../config/protocol-number.ts'
import type { Authority, NodeCertificate } from '../crypto/certificate.ts'
import { type Decryptor, encrypt, makeDecryptor, sign, verifySignature } from '../crypto/rsa.ts'
import { newSecret, SECRET_LENGTH } from '../crypto/secret.ts'
import { ok, type Result, refuse } from '../result.ts'
import { CertificateCheck } from './certificate-check.ts'
import { type Datagram, encodeFingerprintHello0, encodeHello, encodeHello0 } from './datagram.ts'
import { type Peer, takeBack } from './peer.ts'
import type { PeerTable } from './peer-table.ts'
import { Session } from './session.ts'
import { PeerWorkLimit, type WorkRates } from './work-limit.ts'

/** Who we are. */
export interface SessionIdentity {
  readonly authority: Authority
  readonly certificate: NodeCertificate
  readonly privateKey: KeyObject
}

/** Wall-clock time (milliseconds since the Unix epoch) at a moment that the caller names by another clock. */
export type WallClock = (nowMs: number) => number

/** Cryptographic randomness. */
export type RandomBytes = (length: number) => Uint8Array

/** What handshakes need. */
export interface HandshakeInit {
  readonly identity: SessionIdentity
  readonly peers: PeerTable
  readonly random: RandomBytes
  readonly wallMs: WallClock
  /** Processor time that was used so far. */
  readonly stopwatchMs: () => number
  /** Sends a datagram to the nodes' port of an address. */
  readonly send: (datagram: Uint8Array, address: string) => void
}

/** What a hello0 can be read as. */
export interface Hello0 {
  readonly protocol: number | undefined
  readonly fingerprint: Uint8Array | undefined
  readonly certificate: Uint8Array
}

/** A hello0 that may be lost is sent again after this, within the handshake's time, and answered again, too. */
const HELLO0_RETRY_MS = 2_000
/** All peers together: 5 % of a core; and as much for what each of them has of its own. */
const ALL_SIGNATURES: WorkRates = { perSecond: 100, msPerSecond: 50 }
/** Whoever asks again so soon, or another in its name, gets the same answer again. */
const SAME_OFFER_MS = 1_500
/** Offers that the peer may still use, and for how long. */
const MAX_OFFERS = 8
const OFFER_MS = 60_000
/** Secrets begin with a time in microseconds: this much is far beyond any clock that is about right (year 2112). */
const MAX_SECRET_TIME = 1n << 52n

/** How a node and its peers show each other their certificates, and come to a secret that nobody else has. */
export class Handshakes {
  readonly #init: HandshakeInit
  readonly #signatures: PeerWorkLimit
  #identity: SessionIdentity
  #decrypt: Decryptor
  #check: CertificateCheck
  #revoked: ReadonlySet<bigint> = new Set()

  constructor(init: HandshakeInit) {
    this.#init = init
    this.#signatures = new PeerWorkLimit(ALL_SIGNATURES, init.stopwatchMs)
    this.#identity = init.identity
    this.#decrypt = makeDecryptor(init.identity.privateKey)
    this.#check = new CertificateCheck(init.identity.authority, init.stopwatchMs)
  }

  /** Our certificate was renewed: peers notice by its fingerprint. */
  setIdentity(identity: SessionIdentity): void {
    this.#identity = identity
    this.#decrypt = makeDecryptor(identity.privateKey)
    this.#check = new CertificateCheck(identity.authority, this.#init.stopwatchMs)
    this.#check.setRevoked(this.#revoked)
  }

  /** Certificates that count no more. */
  setRevoked(serials: ReadonlySet<bigint>): void {
    this.#revoked = serials
    this.#check.setRevoked(serials)
  }

  /** Asks a peer for a session, if that was not done a moment ago. */
  ask(peer: Peer, nowMs: number): void {
    if (peer.hello0Ms !== undefined && nowMs - peer.hello0Ms < HELLO0_RETRY_MS) return
    peer.hello0Ms = nowMs
    const { der } = this.#identity.certificate
    // As if we did not know its certificate: then it shows that it knows ours, and the secret is ours to make.
    const datagram =
      peer.certificate && !peer.makesOldSecrets
        ? encodeFingerprintHello0(PROTOCOL, peer.certificate.fingerprintSha1, der)
        : encodeHello0(der)
    this.#init.send(datagram, this.#init.peers.addressOf(peer))
  }

  /**
   * Somebody wants a session, or answers us who do: it hears our certificate, or gets a secret if it knows that.
   * @param readings what the datagram may say @returns why it is ignored
   */
  hello0(readings: readonly Hello0[], sourceBits: string, source: string, nowMs: number): string | undefined {
    let refusal = ''
    const time = { monotonicMs: nowMs, wallMs: this.#init.wallMs(nowMs) }
    for (const { protocol, fingerprint, certificate: der } of readings) {
      const certificate = this.#check.check(der, sourceBits, this.#init.peers.at(sourceBits), time)
      if (!certificate.ok) {
        refusal ||= certificate.reason
        continue
      }
      if (certificate.value.prefix === this.#identity.certificate.prefix) return 'our own certificate'
      const peer = this.#peerWith(certificate.value, nowMs)
      // Nobody has signed it: with a session, the peer has said it already.
      if (protocol !== undefined && !peer.session) peer.protocol = protocol
      const knowsOurs =
        fingerprint !== undefined && this.#identity.certificate.fingerprintSha1.equals(fingerprint)
      return knowsOurs
        ? this.#offer(peer, certificate.value, source, nowMs)
        : this.#answer(peer, certificate.value, source, nowMs)
    }
    return refusal
  }

  /** A peer has made a secret. @returns the session that this begins */
  hello(
    peer: Peer,
    { protocol, encrypted, signature }: Extract<Datagram, { kind: 'hello' }>,
    nowMs: number,
  ): Result<Session> {
    if (!peer.certificate || this.#check.isRevoked(peer.certificate))
      return refuse('hello of a peer whose certificate is not known')
    const limit = this.#signatures.take(peer.signatures, nowMs)
    if (!limit) return refuse('too many hellos at the moment')
    const { publicKey } = peer.certificate
    if (!limit.spend(() => verifySignature(publicKey, encrypted, signature)))
      return refuse('the signature of a hello is wrong')
    const secret = limit.spend(() => this.#decrypt(encrypted))
    if (secret.length !== SECRET_LENGTH || secret.readBigUInt64BE() > MAX_SECRET_TIME)
      return refuse('a hello that is not for us')
    if (peer.session?.secret.equals(secret)) return refuse('a hello that came already')
    if (Buffer.compare(secret, peer.greatestSecret) <= 0) {
      peer.makesOldSecrets = true
      return refuse('a hello with an old secret: a replay, or a clock that is wrong')
    }
    peer.greatestSecret = secret
    peer.protocol = protocol
    peer.offers = []
    return ok(new Session(secret, { isOurs: false }))
  }

  #peerWith(certificate: NodeCertificate, nowMs: number): Peer {
    const peer = this.#init.peers.getOrAdd(certificate.prefix)
    // One that was renewed has the same key: whoever has the session still is the peer.
    if (peer.certificate && !peer.certificate.publicKey.equals(certificate.publicKey)) {
      takeBack(peer, nowMs)
      peer.session = undefined
      peer.offers = []
    }
    peer.certificate = certificate
    return peer
  }

  #answer(peer: Peer, certificate: NodeCertificate, source: string, nowMs: number): string | undefined {
    const answers = this.#init.peers.answersAt(peer, source)
    if (answers.hello0Ms !== undefined && nowMs - answers.hello0Ms < HELLO0_RETRY_MS)
      return 'hello0 answered a moment ago'
    answers.hello0Ms = nowMs
    const { der } = this.#identity.certificate
    this.#init.send(encodeFingerprintHello0(PROTOCOL, certificate.fingerprintSha1, der), source)
    return undefined
  }

  #offer(peer: Peer, certificate: NodeCertificate, source: string, nowMs: number): string | undefined {
    // The peer pays for this even if another speaks from its address: the answer goes to the peer, and it can use it.
    if (!this.#init.peers.answersAt(peer, source).hellos.take(nowMs)) return 'too many hellos at the moment'
    const last = peer.offers.at(-1)
    if (last && nowMs - last.atMs < SAME_OFFER_MS) {
      this.#init.send(last.hello, source)
      return undefined
    }
    const limit = this.#signatures.take(peer.signatures, nowMs)
    if (!limit) return 'too many hellos at the moment'
    const secret = newSecret(this.#secretTimeUs(peer, nowMs), this.#init.random(SECRET_LENGTH))
    let hello: Buffer
    try {
      // Very old nodes do not expect a protocol number.
      const protocol = peer.protocol === 0 ? undefined : PROTOCOL
      const encrypted = encrypt(certificate.publicKey, secret)
      hello = limit.spend(() => encodeHello(protocol, encrypted, sign(this.#identity.privateKey, encrypted)))
    } catch {
      return 'a certificate whose key cannot be used'
    }
    peer.greatestSecret = secret
    const usable = peer.offers.filter(({ atMs }) => nowMs - atMs < OFFER_MS)
    peer.offers = [
      ...usable.slice(1 - MAX_OFFERS),
      { session: new Session(secret, { isOurs: true }), hello, atMs: nowMs },
    ]
    this.#init.send(hello, source)
    return undefined
  }

  /** Now, or later than any secret that was used with this peer: clocks are set back. */
  #secretTimeUs({ greatestSecret }: Peer, nowMs: number): bigint {
    const time = BigInt(Math.floor(this.#init.wallMs(nowMs) * 1000))
    const last = greatestSecret.readBigUInt64BE()
    return time > last ? time : last + 1n
  }
}
