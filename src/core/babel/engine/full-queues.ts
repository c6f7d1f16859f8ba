import type { World } from './world.ts'

/** Counters that are older say nothing of now; those that are newer are not read again. */
const OLD_MS = 500
const NEW_MS = 5
/** So much goes at least out of a queue that is as full as can be. */
const MIN_SHARE = 0.02
/** Fewer packets say nothing. */
const MIN_PACKETS = 10
const MAX_COPIES = 8

interface Sample {
  readonly atMs: number
  readonly sent: number
  readonly dropped: number
  /** Of what was to be sent before it. */
  readonly share: number
}

/**
 * Which share of the packets gets out of this machine at all: a tunnel of which more is asked than it can carry loses them in
 * its queue here, ours as well as those that fill it, and nothing can be put in front of them.
 */
export class FullQueues {
  readonly #world: Pick<World, 'departures'>
  readonly #samples = new Map<string, Sample>()

  constructor(world: Pick<World, 'departures'>) {
    this.#world = world
  }

  /** The share of now, as far as it is known; 1: nothing is lost here. */
  shareSent(nowMs: number, iface: string): number {
    const before = this.#samples.get(iface)
    if (before && nowMs < before.atMs + NEW_MS) return before.share
    const departures = this.#world.departures(iface)
    if (departures === undefined) {
      this.#samples.delete(iface)
      return 1
    }
    const share = before && nowMs < before.atMs + OLD_MS ? shareBetween(before, departures) : 1
    this.#samples.set(iface, { atMs: nowMs, ...departures, share })
    return share
  }

  /** How many copies of a packet are sent so that one is likely to get out. */
  copies(nowMs: number, iface: string): number {
    return Math.min(MAX_COPIES, Math.ceil(1 / this.shareSent(nowMs, iface)))
  }

  /** The interface is gone. */
  forget(iface: string): void {
    this.#samples.delete(iface)
  }
}

function shareBetween(before: Sample, { sent, dropped }: { sent: number; dropped: number }): number {
  const [out, lost] = [sent - before.sent, dropped - before.dropped]
  // Of which nothing gets out at all, the queue is not full but stuck: a TCP connection to who is dead takes nothing any more.
  if (lost <= 0 || out <= 0 || out + lost < MIN_PACKETS) return 1
  return Math.max(MIN_SHARE, out / (out + lost))
}
