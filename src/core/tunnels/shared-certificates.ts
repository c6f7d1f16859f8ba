import type { Prefix } from '../values/prefix.ts'

/** A certificate that two machines use. */
export interface SharedCertificate {
  readonly prefix: Prefix
  /** Where they were seen outside the network, the last one last; none: others told us. */
  readonly addresses: readonly string[]
  /** Since when it is known, and when it was seen last. Monotonic clock. */
  readonly sinceMs: number
  readonly lastMs: number
}

/** What a server tells both machines. */
export const IN_USE_TWICE = 'the certificate is in use twice'

/**
 * Taking a tunnel back from an address so often within this time is what two machines do that have one certificate. One
 * machine that goes from one uplink to another and back does it once or twice.
 */
const RETURNS = 3
const WINDOW_MS = 600_000
/** Kept for longer than two machines that leave us alone in between take to come back. */
const KEPT_MS = 1_800_000
/** More than that is of no use to anybody. */
const MAX_ADDRESSES = 4

/** Notices certificates that two machines use, ours among them. */
export class SharedCertificates {
  /** Tunnels that were taken over from another address, by peer. */
  readonly #taken = new Map<Prefix, { readonly from: string; readonly to: string; readonly atMs: number }[]>()
  readonly #known = new Map<Prefix, SharedCertificate>()

  /**
   * A peer has connected while its old tunnel was up.
   * @returns whether its certificate is in use twice, and whether that is news
   */
  takenOver(prefix: Prefix, from: string, to: string, nowMs: number): 'no' | 'news' | 'known' {
    if (from === to) return 'no'
    const recent = (this.#taken.get(prefix) ?? []).filter(({ atMs }) => nowMs - atMs < WINDOW_MS)
    recent.push({ from, to, atMs: nowMs })
    this.#taken.set(prefix, recent)
    const returns = recent.filter((one, at) => recent.slice(0, at).some((earlier) => earlier.from === one.to))
    if (returns.length < RETURNS && !this.#isKnown(prefix, nowMs)) return 'no'
    return this.#note(prefix, [from, to], nowMs)
  }

  /** Somebody else has used our own certificate, or a peer says so. */
  ownSeen(own: Prefix, address: string | undefined, nowMs: number): 'news' | 'known' {
    return this.#note(own, address === undefined ? [] : [address], nowMs)
  }

  /** Those that are in use twice now. */
  list(nowMs: number): readonly SharedCertificate[] {
    return [...this.#known.values()].filter(({ prefix }) => this.#isKnown(prefix, nowMs))
  }

  #isKnown(prefix: Prefix, nowMs: number): boolean {
    const known = this.#known.get(prefix)
    return known !== undefined && nowMs - known.lastMs < KEPT_MS
  }

  #note(prefix: Prefix, addresses: readonly string[], nowMs: number): 'news' | 'known' {
    const known = this.#isKnown(prefix, nowMs) ? this.#known.get(prefix) : undefined
    const before = (known?.addresses ?? []).filter((address) => !addresses.includes(address))
    this.#known.set(prefix, {
      prefix,
      addresses: [...before, ...addresses].slice(-MAX_ADDRESSES),
      sinceMs: known?.sinceMs ?? nowMs,
      lastMs: nowMs,
    })
    return known ? 'known' : 'news'
  }
}
