import { TokenBucket } from '../token-bucket.ts'
import type { Prefix } from '../values/prefix.ts'

/** A person asks now and then, perhaps again after a change. */
const OF_PEER = { perSecond: 0.05, burst: 3 }
/** Nobody is to scan the Internet through us, with however many certificates. */
const IN_ALL = { perSecond: 0.5, burst: 20 }
/** Peers that have used up something. */
const MAX_PEERS = 500

/** Limits for whom we try addresses: one that asks without end takes nothing from the others. */
export class DialLimit {
  readonly #byPeer = new Map<Prefix, TokenBucket>()
  readonly #all = new TokenBucket(IN_ALL.perSecond, IN_ALL.burst)

  /** Whether a question of a peer is to be tried now: then it counts. */
  take(peer: Prefix, nowMs: number): boolean {
    const bucket = this.#byPeer.get(peer) ?? new TokenBucket(OF_PEER.perSecond, OF_PEER.burst)
    if (!this.#byPeer.has(peer) && this.#byPeer.size >= MAX_PEERS && !this.#forgetCalm(nowMs)) return false
    this.#byPeer.set(peer, bucket)
    return bucket.take(nowMs) && this.#all.take(nowMs)
  }

  /** @returns whether there is a place */
  #forgetCalm(nowMs: number): boolean {
    for (const [peer, bucket] of this.#byPeer) if (bucket.isFull(nowMs)) this.#byPeer.delete(peer)
    return this.#byPeer.size < MAX_PEERS
  }
}
