import { type Channel, channelKey } from './channel.ts'
import type { CacheEntry } from './kernel-tables.ts'

/** A channel whose source is this node, or a machine in its subnet. */
export interface LocalSource extends Channel {
  /** Where its packets come in. */
  readonly iface: string
}

/** A source that sends nothing for so long counts as gone (RFC 7761, 4.11: Keepalive_Period). */
const KEEPALIVE_MS = 210_000

interface Seen {
  readonly source: LocalSource
  readonly packets: number
  readonly heardMs: number
}

/**
 * Who sends from here. The kernel shows a channel in its forwarding cache when its first packet comes, and counts
 * packets from then on.
 */
export class LocalSources {
  readonly #isOwn: (address: string) => boolean
  #seen = new Map<string, Seen>()

  /** @param isOwn whether an address is in this node's subnet */
  constructor(isOwn: (address: string) => boolean) {
    this.#isOwn = isOwn
  }

  /** Takes in what the cache has now. @returns those that are sending */
  update(cache: readonly CacheEntry[], nowMs: number): readonly LocalSource[] {
    const seen = new Map<string, Seen>()
    for (const { iface, source, group, packets } of cache) {
      if (iface === undefined || !this.#isOwn(source)) continue
      const key = channelKey({ source, group })
      const before = this.#seen.get(key)
      const isSending = before === undefined || before.packets !== packets
      seen.set(key, {
        source: { source, group, iface },
        packets,
        heardMs: isSending ? nowMs : before.heardMs,
      })
    }
    this.#seen = seen
    return [...seen.values()]
      .filter(({ heardMs }) => nowMs - heardMs < KEEPALIVE_MS)
      .map(({ source }) => source)
  }
}
