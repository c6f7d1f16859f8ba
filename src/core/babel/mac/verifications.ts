import { TokenBucket } from '../../token-bucket.ts'

/** Packets that are verified in vain without more ado: some hundredths of a processor. */
const FAILURES = { perSecond: 1000, burst: 1000 }
/** Of those beyond, each so many-th is verified all the same. To read the others from the socket costs as much. */
const SHARE = 4

/**
 * Limits the processor time for packets whose MAC is wrong. Until it is computed nobody knows who sent a packet: a flood
 * under an honest neighbour's name makes some of that one's packets be lost, but never all.
 */
export class Verifications {
  readonly #failures = new TokenBucket(FAILURES.perSecond, FAILURES.burst)
  #beyond = 0

  /** Whether the next packet is verified. */
  allows(nowMs: number): boolean {
    return this.#failures.has(nowMs) || ++this.#beyond % SHARE === 0
  }

  /** One was verified in vain. */
  failed(nowMs: number): void {
    this.#failures.take(nowMs)
  }
}
