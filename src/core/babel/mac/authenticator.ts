import { isSameOctets } from '../../octets.ts'
import { TokenBucket } from '../../token-bucket.ts'
import { type Authentication, decodeAuthentication } from '../wire/authentication.ts'
import { TLV_OCTETS } from '../wire/numbers.ts'
import { bodyEndOf } from '../wire/packet.ts'
import type { ChallengeReply, ChallengeRequest, PacketCounter } from '../wire/tlv.ts'
import { CounterWindow } from './counter-window.ts'
import { type ComputeMac, MAC_OCTETS, type MacKeys } from './keys.ts'
import { type PeerState, PeerStates } from './peer-states.ts'
import { pseudoHeader } from './pseudo-header.ts'
import { appendMacs, appendPacketCounter } from './seal.ts'
import { Verifications } from './verifications.ts'

/** Octets of an index and of a nonce: at random, so long that none comes twice (RFC 8967, 7). */
const INDEX_OCTETS = 8
const NONCE_OCTETS = 16
/** RFC 8967, 4.3.1.1 and 4.3.1.2 */
const CHALLENGE_INTERVAL_MS = 300
const CHALLENGE_LIFETIME_MS = 30_000
/** Challenges to all that are not proven, as when a server begins anew with all its clients. */
const CHALLENGES = { perSecond: 100, burst: 300 }

/** Answers to those of whom nothing is known, while anything is accepted. */
const ANSWERS = { perSecond: 100, burst: 300 }

/** What becomes of a packet. */
export type Verdict = (
  | { readonly kind: 'accepted' }
  | { readonly kind: 'dropped'; readonly reason: DropReason }
) & {
  /** To be sent to the sender's address, at once and before anything else. */
  readonly replies: readonly (ChallengeRequest | ChallengeReply)[]
}

/** Why a packet is dropped (RFC 8967, 4.3). */
export type DropReason =
  | 'not a Babel packet'
  | 'no MAC'
  | 'wrong MAC'
  | 'too many bad packets'
  | 'no packet counter'
  | 'not fresh until it answers a challenge'
  | 'replayed'

/** What an authenticator is made of. */
export interface AuthenticatorOptions {
  /** Our own link-local address on the interface. */
  readonly address: string
  readonly keys: MacKeys
  readonly compute: ComputeMac
  /** Octets nobody can guess: they keep old packets from being taken for new ones. */
  readonly randomBytes: (count: number) => Uint8Array
}

/**
 * Signs what is sent on an interface and checks what is received there (RFC 8967, RFC 9467). The keys may change at any time:
 * indexes and counters go on, so that nobody has to prove anything again. Nothing that is received makes it throw.
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions
  readonly #peers = new PeerStates()
  readonly #challenges = new TokenBucket(CHALLENGES.perSecond, CHALLENGES.burst)
  readonly #answers = new TokenBucket(ANSWERS.perSecond, ANSWERS.burst)
  /** Of packets that are no proven neighbour's, as it seems. */
  readonly #verifications = new Verifications()
  #keys: MacKeys
  #index: Uint8Array
  #counter = 0

  constructor(options: AuthenticatorOptions) {
    this.#options = options
    this.#keys = options.keys
    this.#index = options.randomBytes(INDEX_OCTETS)
  }

  /** How many octets `seal` adds to a packet. */
  get overhead(): number {
    if (this.#keys.sign.length === 0) return 0
    const macs = this.#keys.sign.map(({ algorithm }) => TLV_OCTETS + MAC_OCTETS[algorithm])
    return TLV_OCTETS + 4 + INDEX_OCTETS + macs.reduce((sum, each) => sum + each, 0)
  }

  /** How many neighbours are remembered. */
  get peers(): number {
    return this.#peers.size
  }

  setKeys(keys: MacKeys): void {
    this.#keys = keys
  }

  /** A neighbour is gone: it has to prove itself when it comes back. */
  forget(address: string): void {
    this.#peers.forget(address)
  }

  /** The packet with its counter and its MACs (RFC 8967, 4.2). @param to a neighbour's address, or the group */
  seal(packet: Uint8Array, to: string): Uint8Array {
    const { sign } = this.#keys
    if (sign.length === 0) return packet
    if (this.#counter > 0xffff_ffff) {
      this.#index = this.#options.randomBytes(INDEX_OCTETS)
      this.#counter = 0
    }
    const counted = appendPacketCounter(packet, this.#counter++, this.#index)
    const header = pseudoHeader(this.#options.address, to)
    return appendMacs(
      counted,
      sign.map((key) => this.#options.compute(key, [header, counted])),
    )
  }

  /**
   * Judges a packet from the port of Babel (others are no Babel).
   * @param to the group, or our own address: the MAC covers it
   */
  receive(nowMs: number, packet: Uint8Array, from: string, to: string): Verdict {
    const { sign, accept } = this.#keys
    // Nobody signs anything: what would prove that is not looked for.
    if (accept === 'anything' && sign.length === 0)
      return bodyEndOf(packet).ok ? ACCEPTED : dropped('not a Babel packet')
    const read = decodeAuthentication(packet)
    if (!read.ok) return dropped('not a Babel packet')
    if (accept !== 'anything') return this.#check(nowMs, packet, from, to, read.value)
    return { kind: 'accepted', replies: this.#getToKnow(nowMs, packet, from, to, read.value) }
  }

  /**
   * While anything is accepted, who signs rightly proves itself all the same: when only that counts, no packet of it is lost.
   * And whoever asks is answered: it may not accept anything any more, and sign with what we do not know.
   */
  #getToKnow(
    nowMs: number,
    packet: Uint8Array,
    from: string,
    to: string,
    read: Authentication,
  ): Verdict['replies'] {
    const verdict = this.#check(nowMs, packet, from, to, read)
    const isAsked = !to.startsWith('ff') && read.tlvs.some(({ kind }) => kind === 'challenge-request')
    const isUnknown = verdict.kind === 'dropped' && UNSIGNED.has(verdict.reason)
    if (!isAsked || !isUnknown || !this.#answers.take(nowMs)) return verdict.replies
    return replyTo(nowMs, this.#peers.findOrAdd(nowMs, from), read)
  }

  /** RFC 8967, 4.3; what cannot be accepted anyway costs no MAC. */
  #check(nowMs: number, packet: Uint8Array, from: string, to: string, read: Authentication): Verdict {
    if (read.macs.length === 0) return dropped('no MAC')
    const counter = counterOf(read)
    if (!counter) return dropped('no packet counter')
    const isMulticast = to.startsWith('ff')
    const peer = this.#peers.find(nowMs, from)
    const series = peer?.series && isSameOctets(peer.series.index, counter.index) ? peer.series : undefined
    // RFC 8967, 4.3: also a challenge in such a packet may be ignored.
    if (
      series &&
      !windowOf(series, isMulticast).isFresh(counter.counter) &&
      !read.tlvs.some(({ kind }) => kind === 'challenge-reply')
    )
      return dropped('replayed')
    // Whoever floods us without a neighbour's fresh numbers does not keep us from hearing that neighbour.
    const verifications = peer && series ? peer.verifications : this.#verifications
    if (!verifications.allows(nowMs)) return dropped('too many bad packets')
    const verdict = this.#isSigned(packet, from, to, read)
      ? this.#judge(nowMs, read, counter, from, isMulticast)
      : dropped('wrong MAC')
    if (verdict.kind === 'dropped') verifications.failed(nowMs)
    return verdict
  }

  /** RFC 8967, 4.3: each key once, however many MACs there are. */
  #isSigned(packet: Uint8Array, from: string, to: string, { bodyEnd, macs }: Authentication): boolean {
    const covered = [pseudoHeader(from, to), packet.subarray(0, bodyEnd)]
    const keys = this.#keys.accept === 'anything' ? this.#keys.sign : this.#keys.accept
    return keys.some((key) => {
      const length = MAC_OCTETS[key.algorithm]
      const candidates = macs.filter((mac) => mac.length === length)
      if (candidates.length === 0) return false
      const expected = this.#options.compute(key, covered)
      return candidates.some((mac) => isSameOctets(mac, expected))
    })
  }

  /** Whether a packet that somebody with a key has made is fresh. */
  #judge(
    nowMs: number,
    authentication: Authentication,
    counter: PacketCounter,
    from: string,
    isMulticast: boolean,
  ): Verdict {
    const state = this.#peers.findOrAdd(nowMs, from)
    // RFC 8967, 4.3.1.2: a challenge to a group is ignored.
    const replies = isMulticast ? [] : replyTo(nowMs, state, authentication)

    if (takeReply(nowMs, state, authentication)) {
      // RFC 9467, 3.3: both windows begin anew.
      state.series = {
        index: counter.index.slice(),
        unicast: new CounterWindow(counter.counter),
        multicast: new CounterWindow(counter.counter),
      }
      this.#peers.accepted(nowMs, from, state)
      return { kind: 'accepted', replies }
    }
    // The series stays until another one is proved: an old packet that somebody repeats must not end it.
    if (!state.series || !isSameOctets(state.series.index, counter.index))
      return {
        kind: 'dropped',
        reason: 'not fresh until it answers a challenge',
        replies: [...replies, ...this.#challenge(nowMs, state)],
      }
    const window = windowOf(state.series, isMulticast)
    if (!window.isFresh(counter.counter)) return { kind: 'dropped', reason: 'replayed', replies }
    window.accept(counter.counter)
    this.#peers.accepted(nowMs, from, state)
    return { kind: 'accepted', replies }
  }

  /**
   * RFC 8967, 4.3.1.1. While a challenge is open, the same is said again: on a way of more than 300 ms, a new one each time
   * would never be answered in time.
   */
  #challenge(nowMs: number, state: PeerState): readonly ChallengeRequest[] {
    if (nowMs - state.challengedMs < CHALLENGE_INTERVAL_MS || !this.#challenges.take(nowMs)) return []
    if (!state.challenge || state.challenge.untilMs <= nowMs)
      state.challenge = {
        nonce: this.#options.randomBytes(NONCE_OCTETS),
        untilMs: nowMs + CHALLENGE_LIFETIME_MS,
      }
    state.challengedMs = nowMs
    return [{ kind: 'challenge-request', nonce: state.challenge.nonce }]
  }
}

const UNSIGNED: ReadonlySet<DropReason> = new Set([
  'no MAC',
  'no packet counter',
  'wrong MAC',
  'too many bad packets',
])

const ACCEPTED: Verdict = { kind: 'accepted', replies: [] }

const dropped = (reason: DropReason): Verdict => ({ kind: 'dropped', reason, replies: [] })

/** RFC 8967, 4.3: the first one. */
const counterOf = ({ tlvs }: Authentication): PacketCounter | undefined =>
  tlvs.find((tlv) => tlv.kind === 'packet-counter')

const windowOf = (
  { unicast, multicast }: { readonly unicast: CounterWindow; readonly multicast: CounterWindow },
  isMulticast: boolean,
): CounterWindow => (isMulticast ? multicast : unicast)

/** RFC 8967, 4.3.1.2: the last challenge of a packet is answered, and not too often. */
function replyTo(nowMs: number, state: PeerState, { tlvs }: Authentication): readonly ChallengeReply[] {
  const request = tlvs.findLast((tlv) => tlv.kind === 'challenge-request')
  if (!request || nowMs - state.repliedMs < CHALLENGE_INTERVAL_MS) return []
  state.repliedMs = nowMs
  return [{ kind: 'challenge-reply', nonce: request.nonce.slice() }]
}

/** RFC 8967, 4.3.1.3: whether the packet answers what we asked; then that is done with. */
function takeReply(nowMs: number, state: PeerState, { tlvs }: Authentication): boolean {
  const open = state.challenge
  if (!open || open.untilMs <= nowMs) return false
  if (!tlvs.some((tlv) => tlv.kind === 'challenge-reply' && isSameOctets(tlv.nonce, open.nonce))) return false
  state.challenge = undefined
  return true
}
