import { newSecret, SECRET_LENGTH } from '../crypto/secret.ts'
import type { Prefix } from '../values/prefix.ts'
import { Conversations, type Speaker } from './conversations.ts'
import { decodeDatagram } from './datagram.ts'
import { Handshakes, type RandomBytes, type SessionIdentity, type WallClock } from './handshakes.ts'
import { PeerTable } from './peer-table.ts'

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

/** What the machine's owner does. */
export interface SessionHandlers extends Speaker {
  /** Sends a datagram to the nodes' port of an address. */
  send(datagram: Uint8Array, to: Destination): void
  /** A datagram was ignored. */
  ignored(reason: string, source: string): void
}

/** Where a datagram goes, or comes from: nodes speak from their own port, and hear at that. */
export interface Destination {
  readonly address: string
  readonly port?: number
}

/** All sessions of a node. */
export class Sessions {
  readonly #handlers: SessionHandlers
  readonly #peers: PeerTable
  readonly #handshakes: Handshakes
  readonly #conversations: Conversations

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
    this.#handlers = handlers
    // Secrets from before we started may be replayed: they are too small.
    const firstSecret = newSecret(BigInt(Math.floor(wallMs(nowMs))) * 1000n, new Uint8Array(SECRET_LENGTH))
    const peers = new PeerTable(identity.authority.network, firstSecret)
    const send = (datagram: Uint8Array, address: string) => handlers.send(datagram, { address })
    const handshakes = new Handshakes({ identity, peers, random, wallMs, stopwatchMs, send })
    this.#peers = peers
    this.#handshakes = handshakes
    this.#conversations = new Conversations({
      speaker: handlers,
      addressOf: (peer) => peers.addressOf(peer),
      askSession: (peer, atMs) => handshakes.ask(peer, atMs),
      send,
    })
  }

  /** Our certificate was renewed: peers notice by its fingerprint. */
  setIdentity(identity: SessionIdentity): void {
    this.#peers.setNetwork(identity.authority.network)
    this.#handshakes.setIdentity(identity)
  }

  /** Certificates that count no more: their sessions end. @returns whose */
  setRevoked(serials: ReadonlySet<bigint>): Prefix[] {
    this.#handshakes.setRevoked(serials)
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
    if (!this.#peers.isPossible(prefix)) return this.#handlers.ignored('there can be no such node', '')
    this.#conversations.say(this.#peers.getOrAdd(prefix), body, nowMs)
  }

  /** Takes care of what time brings: datagrams that may be lost, messages that waited too long. Call it every second. */
  tick(nowMs: number): void {
    for (const peer of this.#peers.values()) this.#conversations.tick(peer, nowMs)
  }

  /**
   * There was no way to this address for what we sent: if it was the answer to a hello0, the next one is answered, and if it
   * was a hello0 of ours, it goes out again with the next tick.
   */
  unsent(address: string): void {
    const bits = this.#peers.bitsOf(address)
    const peer = bits.ok ? this.#peers.at(bits.value) : undefined
    if (!peer) return
    this.#peers.answersAt(peer, address).hello0Ms = undefined
    if (address === this.#peers.addressOf(peer)) peer.hello0Ms = undefined
  }

  /** Takes a datagram. Nodes speak from their own port: whoever speaks from another gets no answer there. */
  receive(datagram: Uint8Array, { address }: Destination, nowMs: number): void {
    const reason = this.#receive(datagram, address, nowMs)
    if (reason !== undefined) this.#handlers.ignored(reason, address)
  }

  /** @returns why the datagram is ignored */
  #receive(datagram: Uint8Array, source: string, nowMs: number): string | undefined {
    const sourceBits = this.#peers.bitsOf(source)
    if (!sourceBits.ok) return sourceBits.reason
    const decoded = decodeDatagram(datagram)
    if (!decoded.ok) return decoded.reason
    const said = decoded.value
    if (said.kind === 'hello0' || said.kind === 'hello0-fingerprint') {
      const readings =
        said.kind === 'hello0'
          ? [{ protocol: undefined, fingerprint: undefined, certificate: said.certificate }]
          : said.readings
      return this.#handshakes.hello0(readings, sourceBits.value, source, nowMs)
    }
    const peer = this.#peers.at(sourceBits.value, ({ certificate }) => certificate !== undefined)
    if (!peer) return `${said.kind} of a peer whose certificate is not known`
    if (said.kind === 'message') return this.#conversations.hear(peer, said, datagram, source, nowMs)
    const session = this.#handshakes.hello(peer, said, nowMs)
    if (!session.ok) return session.reason
    this.#conversations.begin(peer, session.value, source, nowMs)
    return undefined
  }
}
