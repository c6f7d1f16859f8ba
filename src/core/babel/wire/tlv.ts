/**
 * What Babel routers say to each other (RFC 8966, 4.6), as values. What only shortens packets (Pad1, PadN, Router-Id, Next
 * Hop, omitted parts of prefixes) is gone here: the decoder resolves it, the encoder makes it.
 */

/** Eight octets in hexadecimal, as `02:11:22:ff:fe:33:44:55`. */
export type RouterId = string

/** Destination of a route: a prefix in CIDR notation, canonical (RFC 5952), bits beyond its length zero; and one for sources. */
export interface Destination {
  readonly prefix: string
  /** Source prefix (RFC 9079); `::/0` or `0.0.0.0/0` (the family of `prefix`): any source. */
  readonly from: string
}

/** Times of a neighbour's Hello, told back to it (RFC 9616, 3.2): microseconds of 32 bits, each of the clock that took it. */
export interface EchoedTimes {
  /** When it was sent, by the neighbour's clock. */
  readonly originUs: number
  /** When it was received, by ours. */
  readonly receiveUs: number
}

/** RFC 8966, 4.6.3: "answer within the interval". */
export interface AcknowledgmentRequest {
  readonly kind: 'acknowledgment-request'
  readonly opaque: number
  readonly intervalMs: number
}

/** RFC 8966, 4.6.4. */
export interface Acknowledgment {
  readonly kind: 'acknowledgment'
  readonly opaque: number
}

/** RFC 8966, 4.6.5, with its time (RFC 9616). */
export interface Hello {
  readonly kind: 'hello'
  /** Whether it belongs to the sender's series of unicast hellos. */
  readonly unicast: boolean
  readonly seqno: number
  /** When at the latest the next one is sent; 0: unscheduled. */
  readonly intervalMs: number
  /** When it was sent, by the sender's clock, microseconds of 32 bits. */
  readonly sentUs?: number
}

/** RFC 8966, 4.6.6: "I heard you". */
export interface Ihu {
  readonly kind: 'ihu'
  readonly rxcost: number
  readonly intervalMs: number
  /** Who is meant, by its link-local address; undefined: whoever receives it. */
  readonly address: string | undefined
  readonly echo?: EchoedTimes
}

/** RFC 8966, 4.6.9: a route that is announced, or, with an infinite metric, retracted. */
export interface Update extends Destination {
  readonly kind: 'update'
  /** Undefined in a retraction that came without one. */
  readonly routerId: RouterId | undefined
  readonly seqno: number
  readonly metric: number
  readonly intervalMs: number
  /**
   * IPv6 also for IPv4 prefixes (RFC 9229). Undefined in a retraction that came without one, and in what is to be sent: where it is
   * sent from.
   */
  readonly nextHop: string | undefined
}

/** RFC 8966, 4.6.9 with AE 0: all routes of the sender are retracted. */
export interface WildcardRetraction {
  readonly kind: 'wildcard-retraction'
}

/** RFC 8966, 4.6.10: "tell me of this route". */
export interface RouteRequest extends Destination {
  readonly kind: 'route-request'
}

/** RFC 8966, 4.6.10 with AE 0: "tell me of all routes". */
export interface WildcardRequest {
  readonly kind: 'wildcard-request'
}

/** RFC 8966, 4.6.11: "tell me of this route with at least this seqno". */
export interface SeqnoRequest extends Destination {
  readonly kind: 'seqno-request'
  readonly seqno: number
  readonly hopCount: number
  readonly routerId: RouterId
}

/** What the machine of routes deals with. */
export type Tlv =
  | AcknowledgmentRequest
  | Acknowledgment
  | Hello
  | Ihu
  | Update
  | WildcardRetraction
  | RouteRequest
  | WildcardRequest
  | SeqnoRequest

/** RFC 8967, 4.2: the packet's number, and the epoch it counts in. */
export interface PacketCounter {
  readonly kind: 'packet-counter'
  readonly counter: number
  readonly index: Uint8Array
}

/** RFC 8967, 4.3.1 */
export interface ChallengeRequest {
  readonly kind: 'challenge-request'
  readonly nonce: Uint8Array
}

/** RFC 8967, 4.3.1 */
export interface ChallengeReply {
  readonly kind: 'challenge-reply'
  readonly nonce: Uint8Array
}

/** What keeps packets authentic (RFC 8967). */
export type AuthenticationTlv = PacketCounter | ChallengeRequest | ChallengeReply

/**
 * A Hello as it leaves the machine: whoever encodes it writes the time of sending into it, at the last moment, if
 * `stamped`.
 */
export type OutgoingTlv =
  | Exclude<Tlv, Hello>
  | (Omit<Hello, 'sentUs'> & {
      readonly stamped: boolean
    })
