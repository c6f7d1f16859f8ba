import { createHmac, timingSafeEqual } from 'node:crypto'
import { ok, type Result, refuse } from '../result.ts'
import { packInteger, unpackInteger } from '../values/packed-integer.ts'

/*
 * Datagrams between nodes (protocol, section 6). Each begins with a sequence number, 4 bytes big-endian:
 *
 *   0    certificate (DER)                                                        hello0
 *   1    protocol, SHA-1 of the receiver's certificate (20), certificate (DER)    hello0 with fingerprint
 *   2    protocol, encrypted secret, signature over it                            hello
 *   ≥ 3  body, HMAC-SHA1 over sequence number and body (20)                       message
 *
 * Very old nodes send no protocol number.
 */

/** A datagram by its sequence number; what needs keys or certificates is read later. */
export type Datagram =
  | { readonly kind: 'hello0'; readonly certificate: Uint8Array }
  | { readonly kind: 'hello0-fingerprint'; readonly readings: readonly FingerprintReading[] }
  | {
      readonly kind: 'hello'
      readonly protocol: number
      readonly encrypted: Uint8Array
      readonly signature: Uint8Array
    }
  | {
      readonly kind: 'message'
      readonly sequence: number
      readonly body: Uint8Array
      readonly hmac: Uint8Array
    }

/** A way to read a hello0 with fingerprint: it is the right one if its certificate verifies. */
export interface FingerprintReading {
  /** 0: the sender is so old that it sends none. */
  readonly protocol: number
  readonly fingerprint: Uint8Array
  readonly certificate: Uint8Array
}

/** The first sequence number of messages, less one. */
export const LAST_HELLO = 2
/** After it nothing can be sent. */
export const LAST_SEQUENCE = 0xffffffff

/**
 * More is no datagram of a node: the longest that one has to say is a topology, 10 bytes for each of its tunnels. What
 * is longer is not worth the hash over it.
 */
const LONGEST_DATAGRAM = 16 << 10

const SEQUENCE_LENGTH = 4
const SHA1_LENGTH = 20
/** What is at the end of a message. */
export const HMAC_LENGTH = SHA1_LENGTH

/** Reads a datagram. */
export function decodeDatagram(datagram: Uint8Array): Result<Datagram> {
  if (datagram.length < SEQUENCE_LENGTH) return refuse('shorter than a sequence number')
  if (datagram.length > LONGEST_DATAGRAM) return refuse('longer than anything that a node says')
  const sequence = Buffer.from(datagram.buffer, datagram.byteOffset, SEQUENCE_LENGTH).readUInt32BE()
  const rest = datagram.subarray(SEQUENCE_LENGTH)
  switch (sequence) {
    case 0:
      return rest.length === 0 ? refuse('no certificate') : ok({ kind: 'hello0', certificate: rest })
    case 1:
      return decodeFingerprint(rest)
    case 2:
      return decodeHello(rest)
    default:
      return rest.length < SHA1_LENGTH
        ? refuse('shorter than an HMAC')
        : ok({
            kind: 'message',
            sequence,
            body: rest.subarray(0, -SHA1_LENGTH),
            hmac: rest.subarray(-SHA1_LENGTH),
          })
  }
}

function decodeFingerprint(rest: Uint8Array): Result<Datagram> {
  const protocol = unpackInteger(rest)
  const reading = (consumed: number, number: number): FingerprintReading[] => {
    const [fingerprint, certificate] = [
      rest.subarray(consumed, consumed + SHA1_LENGTH),
      rest.subarray(consumed + SHA1_LENGTH),
    ]
    return certificate.length === 0 ? [] : [{ protocol: number, fingerprint, certificate }]
  }
  const readings = [
    ...(protocol.ok ? reading(protocol.value.consumed, protocolNumber(protocol.value.value)) : []),
    ...reading(0, 0),
  ]
  return readings.length === 0
    ? refuse('no fingerprint and certificate')
    : ok({ kind: 'hello0-fingerprint', readings })
}

function decodeHello(rest: Uint8Array): Result<Datagram> {
  const protocol = unpackInteger(rest)
  if (!protocol.ok) return protocol
  const halves = rest.subarray(protocol.value.consumed)
  if (halves.length === 0 || halves.length % 2 !== 0) return refuse('not two halves of equal length')
  const half = halves.length / 2
  return ok({
    kind: 'hello',
    protocol: protocolNumber(protocol.value.value),
    encrypted: halves.subarray(0, half),
    signature: halves.subarray(half),
  })
}

/** A protocol of the far future is not more to us than a large one. */
const protocolNumber = (value: bigint): number => Number(value < 0xffffn ? value : 0xffffn)

/** Writes a hello0: we do not know the receiver's certificate. */
export const encodeHello0 = (ownCertificate: Uint8Array): Buffer =>
  Buffer.concat([sequenceBytes(0), ownCertificate])

/** Writes a hello0 with the fingerprint of the receiver's certificate. */
export const encodeFingerprintHello0 = (
  protocol: number,
  fingerprint: Uint8Array,
  ownCertificate: Uint8Array,
): Buffer => Buffer.concat([sequenceBytes(1), packInteger(protocol), fingerprint, ownCertificate])

/** Writes a hello; without the protocol number for very old peers. */
export const encodeHello = (
  protocol: number | undefined,
  encrypted: Uint8Array,
  signature: Uint8Array,
): Buffer =>
  Buffer.concat([
    sequenceBytes(2),
    protocol === undefined ? Buffer.alloc(0) : packInteger(protocol),
    encrypted,
    signature,
  ])

/** Writes a message. */
export function encodeMessage(sequence: number, body: Uint8Array, secret: Uint8Array): Buffer {
  const signed = Buffer.concat([sequenceBytes(sequence), body])
  return Buffer.concat([signed, hmac(secret, signed)])
}

/** Whether a message was made with this secret. */
export const isMessageAuthentic = (datagram: Uint8Array, secret: Uint8Array): boolean =>
  timingSafeEqual(hmac(secret, datagram.subarray(0, -SHA1_LENGTH)), datagram.subarray(-SHA1_LENGTH))

const hmac = (secret: Uint8Array, data: Uint8Array): Buffer =>
  createHmac('sha1', secret).update(data).digest()

function sequenceBytes(sequence: number): Buffer {
  const bytes = Buffer.alloc(SEQUENCE_LENGTH)
  bytes.writeUInt32BE(sequence)
  return bytes
}
