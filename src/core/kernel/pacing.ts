/** What the kernel counts of what goes out over a tap. */
export interface TapCounters {
  /** Bytes that the tunnel's process has taken. */
  readonly sentBytes: number
  /** Packets for which its queue had no room. */
  readonly dropped: number
}

/**
 * What is to be done with a tap: let no more than so many bytes a second out, let everything out again, go on looking, or look
 * no more.
 */
export type PacingStep =
  | { readonly kind: 'pace'; readonly bytesPerSecond: number }
  | { readonly kind: 'release' }
  | { readonly kind: 'look' }
  | { readonly kind: 'end' }

/** Of what the tunnel's process took while more was asked of it: time remains for what comes the other way. */
const SHARE_OF_FULL = 0.85
/** While nothing is lost, whether more can be carried is found out. */
const GROWTH = 1.02
/** Growing ends where what is carried is less than this share of what may be. */
const USED_SHARE = 0.7
/** Slower than that is a tunnel on a bad day: what it carried in one moment says little. */
const MIN_BYTES_PER_SECOND = 16_384
/** Nothing lost, and not much to carry, for so many looks: it is over. */
const CALM_LOOKS = 10
/** A look that comes sooner than that says nothing. */
const MIN_MS = 20

/**
 * How much is let out over a tap so that what waits does so in front of it, where what must not wait overtakes, and not in the
 * queue behind, of which the tunnel's process takes one packet after the other. Begins when packets are lost there.
 */
export class Pacing {
  #before: (TapCounters & { readonly atMs: number }) | undefined
  #bytesPerSecond: number | undefined
  #calmLooks = 0

  look(nowMs: number, counters: TapCounters): PacingStep {
    const before = this.#before
    if (before && nowMs < before.atMs + MIN_MS) return { kind: 'look' }
    this.#before = { ...counters, atMs: nowMs }
    if (before === undefined) return { kind: 'look' }
    const carried = ((counters.sentBytes - before.sentBytes) * 1000) / (nowMs - before.atMs)
    const limit = this.#bytesPerSecond
    if (counters.dropped > before.dropped) {
      this.#calmLooks = 0
      // Where nothing gets out at all, it is not full but stuck.
      if (carried <= 0) return { kind: 'look' }
      return this.#pace(SHARE_OF_FULL * Math.min(carried, limit ?? carried))
    }
    if (limit !== undefined && carried >= USED_SHARE * limit) {
      this.#calmLooks = 0
      return this.#pace(GROWTH * limit)
    }
    if (++this.#calmLooks < CALM_LOOKS) return { kind: 'look' }
    if (limit === undefined) return { kind: 'end' }
    this.#bytesPerSecond = undefined
    this.#calmLooks = 0
    return { kind: 'release' }
  }

  #pace(bytesPerSecond: number): PacingStep {
    this.#bytesPerSecond = Math.max(MIN_BYTES_PER_SECOND, Math.round(bytesPerSecond))
    return { kind: 'pace', bytesPerSecond: this.#bytesPerSecond }
  }
}
