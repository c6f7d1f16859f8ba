import type { KeyObject } from 'node:crypto'
import { PROTOCOL } from '../config/protocol-number.ts'
import type { Authority, NodeCertificate } from '../crypto/certificate.ts'
import { type Decryptor, encrypt, makeDecryptor, sign, verifySignature } from '../crypto/rsa.ts'
import { newSecret, SECRET_LENGTH } from '../crypto/secret.ts'
import { ADDRESS_BITS } from '../values/bits.ts'
import { firstAddress, nodeAddress, type Prefix } from '../values/prefix.ts'
import { CertificateCheck } from './certificate-check.ts'
import {
  type Datagram,
  decodeDatagram,
  encodeFingerprintHello0,
  encodeHello,
  encodeHello0,
} from './datagram.ts'
import type { HandshakeAnswers, Peer } from './peer.ts'
import { PeerTable } from './peer-table.ts'
import { Session } from './session.ts'
import { WorkLimit, type WorkRates } from './work-limit.ts'

/*
 * Sessions between nodes (protocol, section 6), as a machine without input or output. For each peer:
 *
 *              send, or its hello0 ┌──────────────┐ its certificate verifies
 *   (nothing) ───────────────────▶ │ hello0 sent  │ ─────────────────────────┐
 *                                  └──────────────┘                          ▼
 *       a hello0 with our fingerprint: we make a secret ┌──────────┐   ┌───────────┐
 *       ┌────────────────────────────────────────────── │  known   │ ◀─┤ certificate│
 *       ▼                                               └──────────┘   └───────────┘
 *   ┌─────────┐  an authentic message     ┌─────────┐        │ a hello with a greater secret: we answer a message
 *   │ offered │ ────────────────────────▶ │ session │ ◀──────┘
 *   └─────────┘                           └─────────┘ ── no answer for 4 s: hello0 again
 *
 * Intervals are of a clock that nobody sets; the wall clock counts for certificates and for the secrets that we make,
 * which are greater than any that was used with the peer, however wrong its clock was, or ours.
 *
 * An offered secret does not replace the session in use until the peer has shown that it has it, and several are kept:
 * one who replays the peer's hello0 can neither end the session nor undo a handshake. What cannot be proved is not
 * charged to the peer in whose name it is said.
 *
 * Errors: whatever comes from outside is at most ignored, with a reason; no input leaves the machine unusable.
 */

/** Who we are. */
export interface SessionIdentity {
  readonly authority: Authority
  readonly certificate: NodeCertificate
  readonly privateKey: KeyObject
}

/** A message that came in. */
export interface IncomingMessage {
  readonly prefix: Prefix
  /** The protocol that the peer speaks; 0 for very old ones. */
  readonly protocol: number
  /** Not empty: code byte and argument. */
  readonly body: Uint8Array
}

/** What the machine's owner does. */
export interface SessionHandlers {
  /** Sends a datagram to port 326 of an address, or of the given port when it answers one. */
  send(datagram: Uint8Array, to: Destination): void
  /** Says what to answer; empty: only an acknowledgement. */
  answer(message: IncomingMessage): Uint8Array
  /** What to say first to a peer that has begun a session with us; empty: only an acknowledgement. */
  greeting(prefix: Prefix): Uint8Array
  /** A peer has acknowledged something that we said, with nothing to answer. */
  acknowledged(prefix: Prefix, body: Uint8Array): void
  /** A datagram was ignored. */
  ignored(reason: string, source: string): void
}

/** Where a datagram goes. */
export interface Destination {
  readonly address: string
  /** Undefined: the nodes' port. */
  readonly port?: number
}

/** Wall-clock time (milliseconds since the Unix epoch) at a moment that the caller names by another clock. */
export type WallClock = (nowMs: number) => number

/** Cryptographic randomness. */
export type RandomBytes = (length: number) => Uint8Array

/** A hello0 that may be lost is sent again after this, within the handshake's time, and answered again, too. */
const HELLO0_RETRY_MS = 2_000
/** How often a message that is not of the session makes us ask the peer for another one: whoever is inside can send it. */
const SUSPICION_MS = 5_000
/** How long a message waits for a session. */
const HANDSHAKE_TIMEOUT_MS = 10_000
/** How many messages wait for one session. */
const MAX_WAITING = 8
/** All peers together: 5 % of a core; and as much for what each of them has of its own. */
const ALL_SIGNATURES: WorkRates = { perSecond: 100, msPerSecond: 50 }
/** Whoever asks again so soon, or another in its name, gets the same answer again. */
const SAME_OFFER_MS = 1_500
/** Offers that the peer may still use, and for how long. */
const MAX_OFFERS = 8
const OFFER_MS = 60_000
/** Secrets begin with a time in microseconds: this much is far beyond any clock that is about right (year 2112). */
const MAX_SECRET_TIME = 1n << 52n

/** All sessions of a node. */
export class Sessions {
  #identity: SessionIdentity
  #decrypt: Decryptor
  #check: CertificateCheck
  #revoked: ReadonlySet<bigint> = new Set()
  readonly #handlers: SessionHandlers
  readonly #random: RandomBytes
  readonly #peers: PeerTable
  readonly #signatures: WorkLimit
  readonly #reserve: WorkLimit
  readonly #wallMs: WallClock
  readonly #stopwatchMs: () => number

  /**
   * @param nowMs as in all methods: of a clock that never jumps
   * @param stopwatchMs processor time that was used so far
   */
  constructor(
    identity: SessionIdentity,
    handlers: SessionHandlers,
    random: RandomBytes,
    nowMs: number,
    wallMs: WallClock = (sameMs) => sameMs,
    stopwatchMs: () => number = () => 0,
  ) {
    this.#identity = identity
    this.#handlers = handlers
    this.#random = random
    this.#wallMs = wallMs
    this.#stopwatchMs = stopwatchMs
    this.#signatures = new WorkLimit(ALL_SIGNATURES, stopwatchMs)
    this.#reserve = new WorkLimit(ALL_SIGNATURES, stopwatchMs)
    this.#decrypt = makeDecryptor(identity.privateKey)
    this.#check = new CertificateCheck(identity.authority, stopwatchMs)
    // Secrets from before we started may be replayed: they are too small.
    const firstSecret = newSecret(BigInt(Math.floor(wallMs(nowMs))) * 1000n, new Uint8Array(SECRET_LENGTH))
    this.#peers = new PeerTable(identity.authority.network, firstSecret)
  }

  /** Our certificate was renewed: peers notice by its fingerprint. */
  setIdentity(identity: SessionIdentity): void {
    this.#identity = identity
    this.#peers.setNetwork(identity.authority.network)
    this.#decrypt = makeDecryptor(identity.privateKey)
    this.#check = new CertificateCheck(identity.authority, this.#stopwatchMs)
    this.#check.setRevoked(this.#revoked)
  }

  /** Certificates that count no more: their sessions end. @returns whose */
  setRevoked(serials: ReadonlySet<bigint>): Prefix[] {
    this.#revoked = serials
    this.#check.setRevoked(serials)
    const ended = [...this.#peers.values()].filter(
      ({ certificate }) => certificate !== undefined && serials.has(certificate.serial),
    )
    for (const { prefix } of ended) this.#peers.delete(prefix)
    return ended.map(({ prefix }) => prefix)
  }

  /** Whether there is a session in use. */
  isConnected(prefix: Prefix, nowMs: number): boolean {
    return this.#peers.get(prefix)?.session?.isAlive(nowMs) ?? false
  }

  /** Says something to a peer: now if there is a session, else as soon as its handshake is done. */
  send(prefix: Prefix, body: Uint8Array, nowMs: number): void {
    if (!this.#isNode(prefix)) return this.#handlers.ignored('there can be no such node', '')
    const peer = this.#peers.getOrAdd(prefix)
    if (peer.session?.isAlive(nowMs))
      return this.#transmit(peer.session.say(body, nowMs), this.#addressOf(prefix))
    const others = peer.waiting.filter((waiting) => Buffer.compare(waiting.body, body) !== 0)
    peer.waiting = [...others.slice(1 - MAX_WAITING), { body, sinceMs: nowMs, attempts: 0 }]
    if (mayRetryHello0(peer, nowMs)) this.#sendHello0(peer, nowMs)
  }

  /** Takes care of what time brings: hello0s that may be lost, messages that waited too long. Call it every second. */
  tick(nowMs: number): void {
    for (const peer of this.#peers.values()) {
      this.#sayAgain(peer, nowMs)
      if (peer.waiting.length === 0) continue
      peer.waiting = peer.waiting.filter(({ sinceMs }) => nowMs - sinceMs < HANDSHAKE_TIMEOUT_MS)
      if (peer.waiting.length > 0 && mayRetryHello0(peer, nowMs)) this.#sendHello0(peer, nowMs)
    }
  }

  /**
   * There was no way to this address for what we sent: if it was the answer to a hello0, the next one is answered, and if it
   * was a hello0 of ours, it goes out again with the next tick.
   */
  unsent(address: string): void {
    const bits = this.#peers.bitsOf(address)
    const peer = bits.ok ? this.#peers.at(bits.value) : undefined
    if (!peer) return
    this.#answersAt(peer, { address }).hello0Ms = undefined
    if (address === this.#addressOf(peer.prefix).address) peer.hello0Ms = undefined
  }

  /** Takes a datagram. Nodes speak from their own port: whoever speaks from another gets no answer there. */
  receive(datagram: Uint8Array, { address }: Destination, nowMs: number): void {
    const reason = this.#receive(datagram, { address }, nowMs)
    if (reason !== undefined) this.#handlers.ignored(reason, address)
  }

  /** @returns why the datagram is ignored */
  #receive(datagram: Uint8Array, source: Destination, nowMs: number): string | undefined {
    const sourceBits = this.#peers.bitsOf(source.address)
    if (!sourceBits.ok) return sourceBits.reason
    const decoded = decodeDatagram(datagram)
    if (!decoded.ok) return decoded.reason
    const peer = this.#peers.at(sourceBits.value, ({ certificate }) => certificate !== undefined)
    switch (decoded.value.kind) {
      case 'hello0':
        return this.#receiveHello0(
          [{ protocol: undefined, fingerprint: undefined, certificate: decoded.value.certificate }],
          sourceBits.value,
          source,
          nowMs,
        )
      case 'hello0-fingerprint':
        return this.#receiveHello0(decoded.value.readings, sourceBits.value, source, nowMs)
      case 'hello':
        return peer
          ? this.#receiveHello(peer, decoded.value, source, nowMs)
          : 'hello of a peer whose certificate is not known'
      case 'message':
        return peer
          ? this.#receiveMessage(peer, decoded.value, datagram, source, nowMs)
          : 'message of a peer whose certificate is not known'
    }
  }

  #receiveHello0(
    readings: readonly {
      protocol: number | undefined
      fingerprint: Uint8Array | undefined
      certificate: Uint8Array
    }[],
    sourceBits: string,
    source: Destination,
    nowMs: number,
  ): string | undefined {
    let refusal = ''
    const time = { monotonicMs: nowMs, wallMs: this.#wallMs(nowMs) }
    for (const { protocol, fingerprint, certificate: der } of readings) {
      const certificate = this.#check.check(der, sourceBits, this.#peers.at(sourceBits), time)
      if (!certificate.ok) {
        refusal ||= certificate.reason
        continue
      }
      if (certificate.value.prefix === this.#identity.certificate.prefix) return 'our own certificate'
      const peer = this.#peers.getOrAdd(certificate.value.prefix)
      // One that was renewed has the same key: whoever has the session still is the peer.
      if (peer.certificate && !peer.certificate.publicKey.equals(certificate.value.publicKey)) {
        this.#takeBack(peer, nowMs)
        peer.session = undefined
        peer.offers = []
      }
      peer.certificate = certificate.value
      // Nobody has signed it: with a session, the peer has said it already.
      if (protocol !== undefined && !peer.session) peer.protocol = protocol
      const knowsOurs =
        fingerprint !== undefined && this.#identity.certificate.fingerprintSha1.equals(fingerprint)
      return knowsOurs
        ? this.#offerSession(peer, certificate.value, source, nowMs)
        : this.#answerHello0(peer, certificate.value, source, nowMs)
    }
    return refusal
  }

  #answerHello0(
    peer: Peer,
    certificate: NodeCertificate,
    source: Destination,
    nowMs: number,
  ): string | undefined {
    const answers = this.#answersAt(peer, source)
    if (answers.hello0Ms !== undefined && nowMs - answers.hello0Ms < HELLO0_RETRY_MS)
      return 'hello0 answered a moment ago'
    answers.hello0Ms = nowMs
    this.#handlers.send(
      encodeFingerprintHello0(PROTOCOL, certificate.fingerprintSha1, this.#identity.certificate.der),
      source,
    )
    return undefined
  }

  #offerSession(
    peer: Peer,
    certificate: NodeCertificate,
    source: Destination,
    nowMs: number,
  ): string | undefined {
    // The peer pays for this even if another speaks from its address: the answer goes to the peer, and it can use it.
    if (!this.#answersAt(peer, source).hellos.take(nowMs)) return 'too many hellos at the moment'
    const last = peer.offers.at(-1)
    if (last && nowMs - last.atMs < SAME_OFFER_MS) {
      this.#handlers.send(last.hello, source)
      return undefined
    }
    const limit = this.#limitFor(peer, nowMs)
    if (!limit) return 'too many hellos at the moment'
    const secret = newSecret(this.#timeUs(peer, nowMs), this.#random(SECRET_LENGTH))
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
    this.#handlers.send(hello, source)
    return undefined
  }

  #receiveHello(
    peer: Peer,
    { protocol, encrypted, signature }: Extract<Datagram, { kind: 'hello' }>,
    source: Destination,
    nowMs: number,
  ): string | undefined {
    if (!peer.certificate || this.#check.isRevoked(peer.certificate))
      return 'hello of a peer whose certificate is not known'
    const limit = this.#limitFor(peer, nowMs)
    if (!limit) return 'too many hellos at the moment'
    const { publicKey } = peer.certificate
    if (!limit.spend(() => verifySignature(publicKey, encrypted, signature)))
      return 'the signature of a hello is wrong'
    const secret = limit.spend(() => this.#decrypt(encrypted))
    if (secret.length !== SECRET_LENGTH || secret.readBigUInt64BE() > MAX_SECRET_TIME)
      return 'a hello that is not for us'
    if (peer.session?.secret.equals(secret)) return 'a hello that came already'
    if (Buffer.compare(secret, peer.greatestSecret) <= 0) {
      peer.makesOldSecrets = true
      return 'a hello with an old secret: a replay, or a clock that is wrong'
    }
    peer.greatestSecret = secret
    peer.protocol = protocol
    peer.offers = []
    this.#begin(peer, new Session(secret, { isOurs: false }), source, nowMs)
    return undefined
  }

  #receiveMessage(
    peer: Peer,
    message: Extract<Datagram, { kind: 'message' }>,
    datagram: Uint8Array,
    source: Destination,
    nowMs: number,
  ): string | undefined {
    const offer = peer.offers.findLast(({ session }) => session.isAuthentic(datagram))
    if (offer) {
      this.#begin(peer, offer.session, undefined, nowMs)
      peer.offers = []
    }
    const { session } = peer
    if (!session?.isAuthentic(datagram)) {
      this.#suspect(peer, nowMs)
      return 'a message with a wrong HMAC'
    }
    const refusal = session.hear(message)
    if (refusal !== undefined) return refusal
    if (peer.waiting.length > 0) this.#sendWaiting(peer, session, undefined, nowMs)
    const { body } = message
    if (body.length === 0) {
      const said = session.acknowledged()
      if (said) this.#handlers.acknowledged(peer.prefix, said.body)
      return undefined
    }
    session.answered(body)
    if (!peer.messages.take(nowMs)) return 'too many messages of one peer at the moment'
    const answer = this.#handlers.answer({ prefix: peer.prefix, protocol: peer.protocol, body })
    this.#transmit(session.answer(answer, nowMs), source)
    return undefined
  }

  /** @param source of a peer that has begun it, and waits for something from us */
  #begin(peer: Peer, session: Session, source: Destination | undefined, nowMs: number): void {
    this.#takeBack(peer, nowMs)
    peer.session = session
    peer.suspectedMs = nowMs
    if (source) {
      const greeting = this.#handlers.greeting(peer.prefix)
      const isToBeSaid = peer.waiting.some(({ body }) => Buffer.compare(body, greeting) === 0)
      if (greeting.length > 0 && !isToBeSaid)
        peer.waiting = [{ body: greeting, sinceMs: nowMs, attempts: 0 }, ...peer.waiting]
    }
    this.#sendWaiting(peer, session, source, nowMs)
  }

  /** What waited; at least an acknowledgement, if the peer waits for one at `source`. */
  #sendWaiting(peer: Peer, session: Session, source: Destination | undefined, nowMs: number): void {
    const waiting = peer.waiting
    peer.waiting = []
    peer.hello0Ms = undefined
    peer.makesOldSecrets = false
    if (waiting.length === 0 && source) this.#transmit(session.answer(new Uint8Array(), nowMs), source)
    const to = source ?? this.#addressOf(peer.prefix)
    for (const { body, attempts } of waiting) this.#transmit(session.say(body, nowMs, attempts + 1), to)
  }

  /** A peer says something in a session that is none of ours: one of us has lost it. */
  #suspect(peer: Peer, nowMs: number): void {
    if (peer.suspectedMs !== undefined && nowMs - peer.suspectedMs < SUSPICION_MS) return
    peer.suspectedMs = nowMs
    if (mayRetryHello0(peer, nowMs)) this.#sendHello0(peer, nowMs)
  }

  /** Says again what may be lost; in another session, where nothing comes back in this one. */
  #sayAgain(peer: Peer, nowMs: number): void {
    const { session } = peer
    if (!session) return
    if (!session.isAlive(nowMs)) return this.#takeBack(peer, nowMs)
    for (const { body, attempts } of session.takeDue(nowMs))
      this.#transmit(session.say(body, nowMs, attempts + 1), this.#addressOf(peer.prefix))
  }

  /** What was said in a session that may be lost waits for the next one; what was said often enough is given up. */
  #takeBack(peer: Peer, nowMs: number): void {
    const lost = peer.session?.takeAll() ?? []
    if (lost.length === 0) return
    const waiting = lost.map(({ body, attempts }) => ({ body, sinceMs: nowMs, attempts }))
    peer.waiting = [...waiting, ...peer.waiting].slice(-MAX_WAITING)
  }

  #transmit(datagram: Uint8Array | undefined, to: Destination): void {
    if (datagram) this.#handlers.send(datagram, to)
  }

  #sendHello0(peer: Peer, nowMs: number): void {
    peer.hello0Ms = nowMs
    const { der } = this.#identity.certificate
    // As if we did not know its certificate: then it shows that it knows ours, and the secret is ours to make.
    const datagram =
      peer.certificate && !peer.makesOldSecrets
        ? encodeFingerprintHello0(PROTOCOL, peer.certificate.fingerprintSha1, der)
        : encodeHello0(der)
    this.#handlers.send(datagram, this.#addressOf(peer.prefix))
  }

  /** To what a signature is charged; undefined: not now. */
  #limitFor(peer: Peer, nowMs: number): WorkLimit | undefined {
    if (this.#signatures.take(nowMs)) return this.#signatures
    return peer.signatures.take(nowMs) && this.#reserve.take(nowMs) ? this.#reserve : undefined
  }

  /** Now, or later than any secret that was used with this peer: clocks are set back. */
  #timeUs({ greatestSecret }: Peer, nowMs: number): bigint {
    const time = BigInt(Math.floor(this.#wallMs(nowMs) * 1000))
    const last = greatestSecret.readBigUInt64BE()
    return time > last ? time : last + 1n
  }

  /** What the registry names, or somebody in its place, may be too long for an address. */
  #isNode(prefix: Prefix): boolean {
    const { network } = this.#identity.authority
    return prefix.length > 0 && network.length + prefix.length <= ADDRESS_BITS
  }

  /** What was answered where a datagram of a peer, or in its name, comes from. */
  #answersAt({ prefix, answers }: Peer, { address }: Destination): HandshakeAnswers {
    return answers[address === nodeAddress(this.#identity.authority.network, prefix) ? 'node' : 'elsewhere']
  }

  #addressOf(prefix: Prefix): Destination {
    return { address: firstAddress(this.#identity.authority.network, prefix) }
  }
}

const mayRetryHello0 = ({ hello0Ms }: Peer, nowMs: number): boolean =>
  hello0Ms === undefined || nowMs - hello0Ms >= HELLO0_RETRY_MS
