import { randomBytes } from 'node:crypto'
import { PROTOCOL } from '../../src/core/config/protocol-number.ts'
import { type NodeCertificate, readNodeCertificate } from '../../src/core/crypto/certificate.ts'
import { type Decryptor, encrypt, makeDecryptor, sign, verifySignature } from '../../src/core/crypto/rsa.ts'
import { newSecret } from '../../src/core/crypto/secret.ts'
import {
  type Datagram,
  decodeDatagram,
  encodeFingerprintHello0,
  encodeHello,
  encodeHello0,
  encodeMessage,
  isMessageAuthentic,
  LAST_HELLO,
} from '../../src/core/session/datagram.ts'
import type { SessionIdentity } from '../../src/core/session/handshakes.ts'
import type { Prefix } from '../../src/core/values/prefix.ts'

/** What was said without an answer is taken for lost after this: longer than by ours. */
const DOUBT_MS = 60_000

interface PythonPeer {
  certificate: NodeCertificate | undefined
  secret: Buffer | undefined
  sent: number
  received: number
  unansweredMs: number | undefined
  greatestSecret: Buffer
}

/**
 * The sessions of a Python node, as protocol.md, section 6 describes them, without what ours do beyond: what is said
 * while there is no session is forgotten, only the handshake happens; sequence numbers are used one after the other in
 * both directions; a session that the other side has lost counts for a minute.
 */
export class PythonSessions {
  readonly #identity: SessionIdentity
  readonly #decrypt: Decryptor
  readonly #send: (datagram: Buffer, prefix: Prefix) => void
  readonly #answer: (body: Uint8Array, prefix: Prefix) => Uint8Array
  /** Secrets of before its start are too small. */
  readonly #firstSecret: Buffer
  readonly #peers = new Map<Prefix, PythonPeer>()

  /** @param answer says what is answered; empty: an acknowledgement */
  constructor(
    identity: SessionIdentity,
    send: (datagram: Buffer, prefix: Prefix) => void,
    answer: (body: Uint8Array, prefix: Prefix) => Uint8Array,
    wallMs: number,
  ) {
    this.#identity = identity
    this.#decrypt = makeDecryptor(identity.privateKey)
    this.#send = send
    this.#answer = answer
    this.#firstSecret = secretAt(wallMs)
  }

  /** Says something, if there is a session; else begins one, and forgets what was to be said. */
  say(prefix: Prefix, body: Uint8Array, nowMs: number): void {
    const peer = this.#peer(prefix)
    const isAlive = peer.unansweredMs === undefined || nowMs - peer.unansweredMs < DOUBT_MS
    if (peer.secret && isAlive) return this.#message(peer, prefix, body, nowMs)
    const { der } = this.#identity.certificate
    this.#send(
      peer.certificate
        ? encodeFingerprintHello0(PROTOCOL, peer.certificate.fingerprintSha1, der)
        : encodeHello0(der),
      prefix,
    )
  }

  /** Takes a datagram. @param from whose subnet it comes from */
  receive(datagram: Uint8Array, from: Prefix, nowMs: number, wallMs = nowMs): void {
    const decoded = decodeDatagram(datagram)
    if (!decoded.ok) return
    switch (decoded.value.kind) {
      case 'hello0':
        return this.#hello0(from, decoded.value.certificate, undefined, wallMs)
      case 'hello0-fingerprint': {
        const [reading] = decoded.value.readings
        if (reading) this.#hello0(from, reading.certificate, reading.fingerprint, wallMs)
        return
      }
      case 'hello':
        return this.#hello(from, decoded.value, nowMs)
      case 'message':
        return this.#receiveMessage(from, decoded.value, datagram, nowMs)
    }
  }

  #hello0(from: Prefix, der: Uint8Array, fingerprint: Uint8Array | undefined, wallMs: number): void {
    const certificate = readNodeCertificate(der)
    if (!certificate.ok || certificate.value.prefix !== from) return
    const peer = this.#peer(from)
    peer.certificate = certificate.value
    const own = this.#identity.certificate
    if (!fingerprint || !own.fingerprintSha1.equals(fingerprint))
      return this.#send(encodeFingerprintHello0(PROTOCOL, certificate.value.fingerprintSha1, own.der), from)
    const secret = secretAt(wallMs)
    const encrypted = encrypt(certificate.value.publicKey, secret)
    this.#begin(peer, secret)
    this.#send(encodeHello(PROTOCOL, encrypted, sign(this.#identity.privateKey, encrypted)), from)
  }

  #hello(from: Prefix, hello: Extract<Datagram, { kind: 'hello' }>, nowMs: number): void {
    const peer = this.#peer(from)
    if (!peer.certificate) return
    if (!verifySignature(peer.certificate.publicKey, hello.encrypted, hello.signature)) return
    const secret = this.#decrypt(hello.encrypted)
    if (Buffer.compare(secret, peer.greatestSecret) <= 0) return
    this.#begin(peer, secret)
    // Its network version, which is answered if that is another.
    this.#message(peer, from, this.#answer(Buffer.of(0), from), nowMs)
  }

  #receiveMessage(
    from: Prefix,
    { sequence, body }: Extract<Datagram, { kind: 'message' }>,
    datagram: Uint8Array,
    nowMs: number,
  ): void {
    const peer = this.#peer(from)
    if (!peer.secret || sequence <= peer.received || !isMessageAuthentic(datagram, peer.secret)) return
    peer.received = sequence
    peer.unansweredMs = undefined
    if (body.length > 0) this.#message(peer, from, this.#answer(body, from), nowMs)
  }

  #begin(peer: PythonPeer, secret: Buffer): void {
    Object.assign(peer, { secret, sent: LAST_HELLO, received: LAST_HELLO, unansweredMs: undefined })
    peer.greatestSecret = secret
  }

  #message(peer: PythonPeer, prefix: Prefix, body: Uint8Array, nowMs: number): void {
    if (!peer.secret) return
    if (body.length > 0) peer.unansweredMs ??= nowMs
    this.#send(encodeMessage(++peer.sent, body, peer.secret), prefix)
  }

  #peer(prefix: Prefix): PythonPeer {
    const peer = this.#peers.get(prefix) ?? {
      certificate: undefined,
      secret: undefined,
      sent: LAST_HELLO,
      received: LAST_HELLO,
      unansweredMs: undefined,
      greatestSecret: this.#firstSecret,
    }
    this.#peers.set(prefix, peer)
    return peer
  }
}

const secretAt = (wallMs: number): Buffer => newSecret(BigInt(Math.floor(wallMs * 1000)), randomBytes(20))
