import { ok, type Result, refuse } from '../result.ts'
import { ADDRESS_BITS } from '../values/bits.ts'
import { bitsInside, firstAddress, type Network, nodeAddress, type Prefix } from '../values/prefix.ts'
import { type HandshakeAnswers, newPeer, type Peer } from './peer.ts'

/** A bound on memory. The node of the registry asks all nodes of the network at once; others speak to fewer. */
export const MAX_PEERS = 10_000
/** Sources whose addresses are remembered as bits. */
const MAX_SOURCES = 1_000

/** The peers of a node, found by their prefix or by an address in their subnet. */
export class PeerTable {
  readonly #peers = new Map<Prefix, Peer>()
  /** Lengths that prefixes of peers have, or had: in most networks there is one. */
  readonly #lengths = new Set<number>()
  /** The bits of addresses after the network, or that they are outside. */
  readonly #sources = new Map<string, Result<string>>()
  readonly #firstSecret: Buffer
  #network: Network

  /** @param firstSecret peers must have greater ones */
  constructor(network: Network, firstSecret: Buffer) {
    this.#network = network
    this.#firstSecret = firstSecret
  }

  setNetwork(network: Network): void {
    this.#network = network
    this.#sources.clear()
  }

  get(prefix: Prefix): Peer | undefined {
    return this.#peers.get(prefix)
  }

  values(): Iterable<Peer> {
    return this.#peers.values()
  }

  delete(prefix: Prefix): void {
    this.#peers.delete(prefix)
  }

  /** A peer, which is new if it was not known; another one is forgotten when there are too many. */
  getOrAdd(prefix: Prefix): Peer {
    const known = this.#peers.get(prefix)
    if (known) return known
    if (this.#peers.size >= MAX_PEERS) this.#forgetOne()
    const peer = newPeer(prefix, this.#firstSecret)
    this.#peers.set(prefix, peer)
    this.#lengths.add(prefix.length)
    return peer
  }

  /** The peer in whose subnet an address lies, the one with the longest prefix that `isMeant`. */
  at(sourceBits: string, isMeant: (peer: Peer) => boolean = () => true): Peer | undefined {
    let found: Peer | undefined
    for (const length of this.#lengths) {
      if (found && found.prefix.length > length) continue
      const peer = this.#peers.get(sourceBits.slice(0, length) as Prefix)
      if (peer && isMeant(peer)) found = peer
    }
    return found
  }

  /** The bits of an address after those of the network. */
  bitsOf(address: string): Result<string> {
    const known = this.#sources.get(address)
    if (known) return known
    const bits = bitsInside(this.#network, address)
    const result = bits.ok ? ok(bits.value) : refuse('its source address is not in the network')
    if (this.#sources.size >= MAX_SOURCES) this.#sources.clear()
    this.#sources.set(address, result)
    return result
  }

  /** Whether there can be such a node: what the registry names, or somebody in its place, may be too long for an address. */
  isPossible(prefix: Prefix): boolean {
    return prefix.length > 0 && this.#network.length + prefix.length <= ADDRESS_BITS
  }

  /** Where a peer hears us. */
  addressOf({ prefix }: Pick<Peer, 'prefix'>): string {
    return firstAddress(this.#network, prefix)
  }

  /** What was answered where a datagram of a peer, or in its name, comes from. */
  answersAt({ prefix, answers }: Peer, address: string): HandshakeAnswers {
    return answers[address === nodeAddress(this.#network, prefix) ? 'node' : 'elsewhere']
  }

  /** One without a session goes first, the one that is known longest among equals. */
  #forgetOne(): void {
    let goes: Peer | undefined
    for (const peer of this.#peers.values()) {
      if (goes && peer.session) continue
      goes = peer
      if (!peer.session) break
    }
    if (goes) this.#peers.delete(goes.prefix)
  }
}
