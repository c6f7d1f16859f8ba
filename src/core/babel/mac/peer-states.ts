import type { CounterWindow } from './counter-window.ts'
import { Verifications } from './verifications.ts'

/** Forgotten that long after the last packet that was accepted (RFC 8967, 4.4). */
const LIFETIME_MS = 5 * 60_000
/** Most neighbours of an interface that have proved themselves: more than a server has clients. */
const MAX_PROVEN = 4096
/** Most others that are remembered: for the limits of challenges, and for the answers to them. */
const MAX_UNPROVEN = 256

/** What a neighbour's packets are checked with (RFC 8967, 3.2). */
export interface PeerState {
  /** Which series its counters belong to, and what of it was received; undefined until it proved that it is fresh. */
  series: Series | undefined
  /** A challenge that it has not answered. */
  challenge: { readonly nonce: Uint8Array; readonly untilMs: number } | undefined
  challengedMs: number
  repliedMs: number
  acceptedMs: number
  /** Of packets under its name, with its fresh numbers. */
  readonly verifications: Verifications
}

/** RFC 9467, 3.3: unicast and multicast packets take ways of their own. */
export interface Series {
  readonly index: Uint8Array
  readonly unicast: CounterWindow
  readonly multicast: CounterWindow
}

/** The neighbours of an interface, by address; bounded. Each map is ordered: who was there longest without a word, first. */
export class PeerStates {
  readonly #proven = new Map<string, PeerState>()
  readonly #unproven = new Map<string, PeerState>()

  get size(): number {
    return this.#proven.size + this.#unproven.size
  }

  /** The state of a neighbour, if there is one. */
  find(nowMs: number, address: string): PeerState | undefined {
    for (const [each, state] of this.#proven) {
      if (nowMs - state.acceptedMs < LIFETIME_MS) break
      this.#proven.delete(each)
    }
    return this.#proven.get(address) ?? this.#unproven.get(address)
  }

  /** Only for whoever passed the test of the MAC: nothing is remembered for strangers (RFC 8967, 4.3). */
  findOrAdd(nowMs: number, address: string): PeerState {
    const found = this.find(nowMs, address)
    if (found) return found
    const added: PeerState = {
      series: undefined,
      challenge: undefined,
      challengedMs: Number.NEGATIVE_INFINITY,
      repliedMs: Number.NEGATIVE_INFINITY,
      acceptedMs: Number.NEGATIVE_INFINITY,
      verifications: new Verifications(),
    }
    put(this.#unproven, address, added, MAX_UNPROVEN)
    return added
  }

  /** A packet of it was accepted. */
  accepted(nowMs: number, address: string, state: PeerState): void {
    state.acceptedMs = nowMs
    this.#unproven.delete(address)
    put(this.#proven, address, state, MAX_PROVEN)
  }

  forget(address: string): void {
    this.#proven.delete(address)
    this.#unproven.delete(address)
  }
}

/** Puts an entry last; the first ones go when there are too many. */
function put(map: Map<string, PeerState>, address: string, state: PeerState, limit: number): void {
  map.delete(address)
  map.set(address, state)
  for (const each of map.keys()) {
    if (map.size <= limit) return
    map.delete(each)
  }
}
