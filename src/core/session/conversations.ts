import type { Prefix } from '../values/prefix.ts'
import type { Datagram } from './datagram.ts'
import { type Peer, takeBack } from './peer.ts'
import type { Session } from './session.ts'

/** A message that came in. */
export interface IncomingMessage {
  readonly prefix: Prefix
  /** The protocol that the peer speaks; 0 for very old ones. */
  readonly protocol: number
  /** Not empty: code byte and argument. */
  readonly body: Uint8Array
}

/** Who knows what is said. */
export interface Speaker {
  /** Says what to answer; empty: only an acknowledgement. */
  answer(message: IncomingMessage): Uint8Array
  /** What to say first to a peer that has begun a session with us; empty: only an acknowledgement. */
  greeting(prefix: Prefix): Uint8Array
  /** A peer has acknowledged something that we said, with nothing to answer. */
  acknowledged(prefix: Prefix, body: Uint8Array): void
}

/** What conversations need. */
export interface ConversationInit {
  readonly speaker: Speaker
  /** Where a peer hears us. */
  readonly addressOf: (peer: Peer) => string
  /** Asks a peer for a session, if that was not done a moment ago. */
  readonly askSession: (peer: Peer, nowMs: number) => void
  /** Sends a datagram to the nodes' port of an address. */
  readonly send: (datagram: Uint8Array, address: string) => void
}

/** How often a message that is not of the session makes us ask the peer for another one: whoever is inside can send it. */
const SUSPICION_MS = 5_000

/** What is said in sessions: it waits for one, is said again where it may be lost, and is answered or acknowledged. */
export class Conversations {
  readonly #init: ConversationInit

  constructor(init: ConversationInit) {
    this.#init = init
  }

  /** Says something to a peer: now if there is a session, else as soon as its handshake is done. */
  say(peer: Peer, body: Uint8Array, nowMs: number): void {
    if (peer.session?.isAlive(nowMs))
      return this.#transmit(peer.session.say(body, nowMs), this.#init.addressOf(peer))
    peer.waiting.add(body, nowMs)
    this.#init.askSession(peer, nowMs)
  }

  /** There is a session with a peer. @param source of a peer that has begun it, and waits for something from us */
  begin(peer: Peer, session: Session, source: string | undefined, nowMs: number): void {
    takeBack(peer, nowMs)
    peer.session = session
    peer.suspectedMs = nowMs
    const greeting = source === undefined ? undefined : this.#init.speaker.greeting(peer.prefix)
    if (greeting && greeting.length > 0) peer.waiting.addFirst(greeting, nowMs)
    this.#sayWaiting(peer, session, source, nowMs)
  }

  /** A peer says something. @returns why it is ignored */
  hear(
    peer: Peer,
    message: Extract<Datagram, { kind: 'message' }>,
    datagram: Uint8Array,
    source: string,
    nowMs: number,
  ): string | undefined {
    const offer = peer.offers.findLast(({ session }) => session.isAuthentic(datagram))
    if (offer) {
      this.begin(peer, offer.session, undefined, nowMs)
      peer.offers = []
    }
    const { session } = peer
    if (!session?.isAuthentic(datagram)) {
      this.#suspect(peer, nowMs)
      return 'a message with a wrong HMAC'
    }
    const refusal = session.hear(message)
    if (refusal !== undefined) return refusal
    if (!peer.waiting.isEmpty) this.#sayWaiting(peer, session, undefined, nowMs)
    const { body } = message
    if (body.length === 0) {
      const said = session.acknowledged()
      if (said) this.#init.speaker.acknowledged(peer.prefix, said.body)
      return undefined
    }
    session.answered(body)
    if (!peer.messages.take(nowMs)) return 'too many messages of one peer at the moment'
    const answer = this.#init.speaker.answer({ prefix: peer.prefix, protocol: peer.protocol, body })
    this.#transmit(session.answer(answer, nowMs), source)
    return undefined
  }

  /** Says again what may be lost: in another session, where nothing comes back in this one. */
  tick(peer: Peer, nowMs: number): void {
    const { session, waiting } = peer
    if (session?.isAlive(nowMs))
      for (const { body, attempts } of session.takeDue(nowMs))
        this.#transmit(session.say(body, nowMs, attempts + 1), this.#init.addressOf(peer))
    else takeBack(peer, nowMs)
    waiting.giveUp(nowMs)
    if (!waiting.isEmpty) this.#init.askSession(peer, nowMs)
  }

  /** What waited; at least an acknowledgement, if the peer waits for one at `source`. */
  #sayWaiting(peer: Peer, session: Session, source: string | undefined, nowMs: number): void {
    const waiting = peer.waiting.take()
    peer.hello0Ms = undefined
    peer.makesOldSecrets = false
    if (waiting.length === 0 && source !== undefined)
      this.#transmit(session.answer(new Uint8Array(), nowMs), source)
    const address = source ?? this.#init.addressOf(peer)
    for (const { body, attempts } of waiting) this.#transmit(session.say(body, nowMs, attempts + 1), address)
  }

  /** A peer says something in a session that is none of ours: one of us has lost it. */
  #suspect(peer: Peer, nowMs: number): void {
    if (peer.suspectedMs !== undefined && nowMs - peer.suspectedMs < SUSPICION_MS) return
    peer.suspectedMs = nowMs
    this.#init.askSession(peer, nowMs)
  }

  #transmit(datagram: Uint8Array | undefined, address: string): void {
    if (datagram) this.#init.send(datagram, address)
  }
}
