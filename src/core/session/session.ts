import {
  type Datagram,
  encodeMessage,
  HMAC_LENGTH,
  isMessageAuthentic,
  LAST_HELLO,
  LAST_SEQUENCE,
} from './datagram.ts'
import { canBeAnswer } from './messages.ts'

/** Something that was said, and how many times. */
export interface Said {
  readonly body: Uint8Array
  readonly attempts: number
}

/**
 * What was said in a session and said again has no answer after this: the other side may have lost it, by a restart,
 * and would never say so. Other implementations wait for a minute.
 */
const SESSION_DOUBT_MS = 4_000
/** Each direction has its own numbers: odd or even ones. */
const SEQUENCE_STEP = 2
/** A message is said again after this, twice that, four times that: all of them can be said twice without harm. */
const RETRY_MS = 1_000
const MAX_ATTEMPTS = 5
/** More than anybody says in a row without an answer. */
const MAX_SENT_HMACS = 500
/** How many messages are kept until an answer comes. */
const MAX_UNACKNOWLEDGED = 8

/** A secret that both sides have, or soon will, how far its messages have come, and what is to be said again. */
export class Session {
  readonly secret: Buffer
  #sent: number
  #received = LAST_HELLO
  /** Since when what we sent has not been answered. */
  #unansweredMs: number | undefined
  /** What we said, the oldest first, until an answer comes: a datagram may be lost. */
  #unacknowledged: readonly (Said & { readonly retryMs: number })[] = []
  /** HMACs of what we sent, by sequence number, that the peer could not have used up yet: our own words may come back. */
  readonly #sentHmacs = new Map<number, Buffer>()
  /** Up to this number they are forgotten: nothing with such a one counts. */
  #forgotten = LAST_HELLO

  /**
   * One in which no message was sent. Both directions have the same key: whoever made the secret uses the odd numbers, so
   * that two of ours never say the same.
   */
  constructor(secret: Buffer, { isOurs }: { readonly isOurs: boolean }) {
    this.secret = secret
    this.#sent = isOurs ? LAST_HELLO - 1 : LAST_HELLO
  }

  /** Whether what is sent in it is likely to arrive. */
  isAlive(nowMs: number): boolean {
    return (
      this.#sent <= LAST_SEQUENCE - SEQUENCE_STEP &&
      (this.#unansweredMs === undefined || nowMs - this.#unansweredMs < SESSION_DOUBT_MS)
    )
  }

  /** Whether a datagram with a message is of this session. */
  isAuthentic(datagram: Uint8Array): boolean {
    return isMessageAuthentic(datagram, this.secret)
  }

  /**
   * Says something of our own accord: it is to be said again if nothing comes back.
   * @param attempts this one included @returns the datagram; undefined: there are no numbers left
   */
  say(body: Uint8Array, nowMs: number, attempts = 1): Uint8Array | undefined {
    this.#remember(body, attempts, nowMs + RETRY_MS * 2 ** (attempts - 1))
    return this.#encode(body, nowMs)
  }

  /**
   * Answers something; an empty body is an acknowledgement. An answer is acknowledged like anything else, but not said again:
   * who has no answer asks again.
   * @returns the datagram; undefined: there are no numbers left
   */
  answer(body: Uint8Array, nowMs: number): Uint8Array | undefined {
    if (body.length > 0) this.#remember(body, MAX_ATTEMPTS, nowMs + SESSION_DOUBT_MS)
    return this.#encode(body, nowMs)
  }

  /** An authentic message has come. @returns why it does not count */
  hear({ sequence, hmac }: Extract<Datagram, { kind: 'message' }>): string | undefined {
    if (sequence <= Math.max(this.#received, this.#forgotten))
      return 'a message that came already, or too late'
    // One of a Python node, which uses all numbers, may be equal by chance: then ours is said again, with another.
    if (this.#sentHmacs.get(sequence)?.equals(hmac)) return 'a message of our own that came back'
    this.#received = sequence
    for (const sent of this.#sentHmacs.keys()) {
      if (sent > sequence) break
      this.#sentHmacs.delete(sent)
    }
    this.#unansweredMs = undefined
    return undefined
  }

  /**
   * The peer has nothing to answer. It does not say to what: what would be said again is taken for arrived last.
   * @returns what has arrived
   */
  acknowledged(): Said | undefined {
    const said =
      this.#unacknowledged.find(({ attempts }) => attempts >= MAX_ATTEMPTS) ?? this.#unacknowledged[0]
    this.#unacknowledged = this.#unacknowledged.filter((each) => each !== said)
    return said
  }

  /** What may be an answer to something that was said: that has arrived, then. An answer has the code of the question. */
  answered(body: Uint8Array): void {
    if (!canBeAnswer(body)) return
    const question = this.#unacknowledged.find((said) => said.body[0] === body[0])
    this.#unacknowledged = this.#unacknowledged.filter((said) => said !== question)
  }

  /** What is to be said again now; what was said often enough is given up. Both are not kept any more. */
  takeDue(nowMs: number): readonly Said[] {
    const due = this.#unacknowledged.filter(({ retryMs }) => nowMs >= retryMs)
    if (due.length > 0) this.#unacknowledged = this.#unacknowledged.filter((said) => !due.includes(said))
    return due.filter(isToBeSaidAgain)
  }

  /** All that would be said again: nothing of it is kept any more. */
  takeAll(): readonly Said[] {
    const all = this.#unacknowledged
    this.#unacknowledged = []
    return all.filter(isToBeSaidAgain)
  }

  #remember(body: Uint8Array, attempts: number, retryMs: number): void {
    this.#unacknowledged = [
      ...this.#unacknowledged.slice(1 - MAX_UNACKNOWLEDGED),
      { body, attempts, retryMs },
    ]
  }

  #encode(body: Uint8Array, nowMs: number): Uint8Array | undefined {
    if (this.#sent > LAST_SEQUENCE - SEQUENCE_STEP) return undefined
    this.#sent += SEQUENCE_STEP
    if (body.length > 0) this.#unansweredMs ??= nowMs
    const message = encodeMessage(this.#sent, body, this.secret)
    this.#sentHmacs.set(this.#sent, message.subarray(-HMAC_LENGTH))
    const [oldest] = this.#sentHmacs.keys()
    if (this.#sentHmacs.size > MAX_SENT_HMACS && oldest !== undefined) {
      this.#sentHmacs.delete(oldest)
      this.#forgotten = oldest
    }
    return message
  }
}

const isToBeSaidAgain = ({ attempts }: Said): boolean => attempts < MAX_ATTEMPTS
