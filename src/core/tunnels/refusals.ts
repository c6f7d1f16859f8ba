import type { TunnelTarget } from './decisions.ts'

/** Delays after tunnels that the peer refused or ended, or that ended too early. */
const DELAY_MIN_MS = 1_000
const DELAY_MAX_MS = 300_000
/**
 * A tunnel that was there for so long was welcome. Longer than the longest delay: two machines with one certificate,
 * each of which ends the tunnel of the other, would else begin anew with the shortest.
 */
const WELCOME_MS = 2 * DELAY_MAX_MS

interface Refused {
  delayMs: number
  untilMs: number
}

/**
 * Peers that do not want us: they refuse us, or let us in and soon hang up; and such as must be neighbours and cannot. Each
 * is left alone for twice as long each time.
 */
export class Refusals {
  /** What happened since the last look, and when the tunnel was begun. */
  #news: { readonly target: TunnelTarget; readonly begunMs: number }[] = []
  readonly #refused = new Map<TunnelTarget, Refused>()
  /** When it was looked last. */
  #nowMs = Number.NEGATIVE_INFINITY

  /** A tunnel was refused or ended by its peer. */
  happened(target: TunnelTarget, begunMs: number): void {
    this.#news.push({ target, begunMs })
  }

  /** Whether something happened since the last look. */
  isNews(target: TunnelTarget): boolean {
    return this.#news.some((one) => one.target === target)
  }

  /** It is later now. @returns when the next one may be tried again */
  look(nowMs: number): number {
    for (const { target, begunMs } of this.#news) {
      const before = this.#refused.get(target)
      const isWelcome = nowMs - begunMs >= WELCOME_MS
      const delayMs =
        before === undefined || isWelcome ? DELAY_MIN_MS : Math.min(2 * before.delayMs, DELAY_MAX_MS)
      this.#refused.set(target, { delayMs, untilMs: nowMs + delayMs })
    }
    if (this.#news.length > 0) this.#news = []
    this.#nowMs = nowMs
    let nextMs = Number.POSITIVE_INFINITY
    for (const [target, { untilMs }] of this.#refused) {
      if (nowMs >= untilMs + WELCOME_MS + DELAY_MAX_MS) this.#refused.delete(target)
      if (untilMs > nowMs) nextMs = Math.min(nextMs, untilMs)
    }
    return nextMs
  }

  /** Whether a peer is to be left alone, as of the last look. */
  isWaiting(target: TunnelTarget): boolean {
    return (this.#refused.get(target)?.untilMs ?? Number.NEGATIVE_INFINITY) > this.#nowMs
  }

  /** Nothing that happened before counts any more. */
  forgive(): void {
    this.#news = []
    this.#refused.clear()
  }
}
