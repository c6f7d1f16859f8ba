/** A tunnel may be without a usable neighbour for so many hello intervals: at its beginning, and whenever it has lost one. */
const HELLOS = 4
/** At short intervals, a machine that starts everything at once takes longer. */
const LEAST_MS = 15_000
/** A peer that kept us waiting in vain is given more time when nobody else is left: perhaps all is slow. */
const MOST_DOUBLINGS = 2

/** Why a tunnel has failed that is up: reads like "closing tunnel: …". */
export const NO_NEIGHBOUR = 'routing hears nobody over it: does UDP port 6696 pass on both machines?'

/** For how long a tunnel may be without a usable neighbour. @param failures how often this peer had none before */
export const patienceMs = (helloIntervalMs: number, failures = 0): number =>
  Math.max(HELLOS * helloIntervalMs, LEAST_MS) * 2 ** Math.min(failures, MOST_DOUBLINGS)

/** How one tunnel is used: since when it has no usable neighbour. */
export class Usage {
  #unusedSinceMs: number | undefined
  #wasUsed = false

  /** Whether it has ever had a usable neighbour. */
  get wasUsed(): boolean {
    return this.#wasUsed
  }

  /** Since when it has none, while it has none. */
  get unusedSinceMs(): number | undefined {
    return this.#unusedSinceMs
  }

  /** What is seen of it now. */
  look(isUsable: boolean, nowMs: number): void {
    if (!isUsable) this.#unusedSinceMs ??= nowMs
    else if (!this.#wasUsed || this.#unusedSinceMs !== undefined) {
      this.#wasUsed = true
      this.#unusedSinceMs = undefined
    }
  }

  /** The time begins anew: nothing can be told of it now. */
  forgive(): void {
    this.#unusedSinceMs = undefined
  }
}
