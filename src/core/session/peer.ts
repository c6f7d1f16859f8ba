import type { NodeCertificate } from '../crypto/certificate.ts'
import { TokenBucket } from '../token-bucket.ts'
import type { Prefix } from '../values/prefix.ts'
import type { Session } from './session.ts'
import { WaitingLine } from './waiting-line.ts'

/** A secret that we made and the peer has not used yet, and the hello that brought it. */
export interface Offer {
  readonly session: Session
  readonly hello: Buffer
  readonly atMs: number
}

/** What is known of a peer, and what it may still cost us. */
export interface Peer {
  readonly prefix: Prefix
  certificate: NodeCertificate | undefined
  protocol: number
  session: Session | undefined
  /** The last one last. Several: whoever repeats what the peer has said cannot undo the one that it is about to use. */
  offers: readonly Offer[]
  /** The greatest secret that was used with this peer, by either side. */
  greatestSecret: Buffer
  /** The last secret that it made was not greater: it is our turn to make one. */
  makesOldSecrets: boolean
  /** When we sent a hello0 of our own accord. */
  hello0Ms: number | undefined
  /** When we last thought that it may have another session than we, or began one with it. */
  suspectedMs: number | undefined
  /** What it has for itself when others use up what there is for all: signatures, and verifications of certificates. */
  readonly signatures: TokenBucket
  /** What is answered to its own address, and to others of its subnet: who speaks from those takes nothing from it. */
  readonly answers: { readonly node: HandshakeAnswers; readonly elsewhere: HandshakeAnswers }
  readonly verifications: TokenBucket
  /** Limits what one that has a session can make us do. */
  readonly messages: TokenBucket
  /** What is to be said in the session that is being made. */
  readonly waiting: WaitingLine
}

/** What was answered to somebody who wants a session. */
export interface HandshakeAnswers {
  /** Limits the hellos. */
  readonly hellos: TokenBucket
  /** When a hello0 was last answered. */
  hello0Ms: number | undefined
}

/** A hello costs us a signature, to make or to verify: half a millisecond. */
const SIGNATURES_PER_SECOND = 1
const SIGNATURES_BURST = 5
/** Certificates of one peer, or of others in its name. */
const VERIFICATIONS_PER_SECOND = 1
const VERIFICATIONS_BURST = 5
/** A peer says a few words when a tunnel is made and when the network changes; each can make us answer, log, or write. */
const MESSAGES_PER_SECOND = 10
const MESSAGES_BURST = 50

/** What was said in its session, which may be lost, waits for the next one; what was said often enough is given up. */
export function takeBack({ session, waiting }: Peer, nowMs: number): void {
  waiting.addLost(session?.takeAll() ?? [], nowMs)
}

/** One of which nothing is known. @param firstSecret smaller ones are refused */
export const newPeer = (prefix: Prefix, firstSecret: Buffer): Peer => ({
  prefix,
  certificate: undefined,
  protocol: 0,
  session: undefined,
  offers: [],
  greatestSecret: firstSecret,
  makesOldSecrets: false,
  hello0Ms: undefined,
  suspectedMs: undefined,
  signatures: new TokenBucket(SIGNATURES_PER_SECOND, SIGNATURES_BURST),
  answers: { node: noAnswers(), elsewhere: noAnswers() },
  verifications: new TokenBucket(VERIFICATIONS_PER_SECOND, VERIFICATIONS_BURST),
  messages: new TokenBucket(MESSAGES_PER_SECOND, MESSAGES_BURST),
  waiting: new WaitingLine(),
})

const noAnswers = (): HandshakeAnswers => ({
  hellos: new TokenBucket(SIGNATURES_PER_SECOND, SIGNATURES_BURST),
  hello0Ms: undefined,
})
