import type { EchoedTimes } from '../wire/tlv.ts'
import type { LinkParameters } from './ports.ts'

/** RFC 9616, 3.3: times that are further apart say nothing. */
const MAX_AGE_US = 180_000_000
/** How long a round-trip time is believed without another sample; babeld has the same. */
const VALID_MS = 180_000

/** An answer takes longer by so many mean deviations (as RFC 6298 has it), */
const DEVIATIONS = 4
/** but by no more than this share: where hellos are rare, one that was held up would count for minutes. */
const MOST_LONGER = 2

/** The time of our clock as it is written into packets (RFC 9616, 3.1): microseconds, modulo 2^32. */
export const microsecondsOf = (ms: number): number => Math.floor((ms * 1000) % 2 ** 32)

/** From `earlier` to `later`, modulo 2^32: negative if the order is the other way round. */
const between = (earlier: number, later: number): number => (later - earlier) | 0

/** The round-trip time of a neighbour by the times in its hellos and IHUs (RFC 9616, 3 and 4). */
export class RoundTrip {
  #heard: EchoedTimes | undefined
  #smoothedMs: number | undefined
  /** Mean deviation of a sample. */
  #deviationMs = 0
  #sampledAtMs = 0

  /** What an IHU tells the neighbour of its last hello. */
  get echo(): EchoedTimes | undefined {
    return this.#heard
  }

  /** The smoothed round-trip time, if there are recent samples. */
  atMs(nowMs: number): number | undefined {
    return nowMs - this.#sampledAtMs < VALID_MS ? this.#smoothedMs : undefined
  }

  /** After how long an answer is missing; undefined: nothing is known. */
  patienceMs(): number | undefined {
    if (this.#smoothedMs === undefined) return undefined
    return this.#smoothedMs + Math.min(DEVIATIONS * this.#deviationMs, MOST_LONGER * this.#smoothedMs)
  }

  /** A hello came without a time that can be used. */
  forget(): void {
    this.#heard = undefined
  }

  /**
   * A hello with its time, and the IHU for us that came in the same packet, if it echoed one of our hellos.
   * @returns whether that made a sample
   */
  hear(
    receivedMs: number,
    sentUs: number,
    echo: EchoedTimes | undefined,
    { rttDecay }: Pick<LinkParameters, 'rttDecay'>,
  ): boolean {
    const receiveUs = microsecondsOf(receivedMs)
    const before = this.#heard
    this.#heard = { originUs: sentUs, receiveUs }
    if (echo === undefined) return false
    const ourUs = between(echo.originUs, receiveUs)
    const theirUs = between(echo.receiveUs, sentUs)
    const sinceUs = before === undefined ? 0 : between(before.originUs, sentUs)
    if ([ourUs, theirUs, sinceUs].some((us) => us < 0 || us > MAX_AGE_US)) return false
    this.#take(Math.max(0, ourUs - theirUs) / 1000, rttDecay / 256)
    this.#sampledAtMs = receivedMs
    return true
  }

  #take(sampleMs: number, weight: number): void {
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = sampleMs
      this.#deviationMs = sampleMs / 2
      return
    }
    this.#deviationMs += (Math.abs(sampleMs - this.#smoothedMs) - this.#deviationMs) / 4
    this.#smoothedMs += (sampleMs - this.#smoothedMs) * weight
  }
}

/** The cost of a round-trip time (RFC 9616, 4.2). */
export function rttCost(
  rttMs: number | undefined,
  { maxRttPenalty, rttMinMs, rttMaxMs }: Pick<LinkParameters, 'maxRttPenalty' | 'rttMinMs' | 'rttMaxMs'>,
): number {
  if (rttMs === undefined || rttMs <= rttMinMs) return 0
  if (rttMs >= rttMaxMs) return maxRttPenalty
  return Math.floor((maxRttPenalty * (rttMs - rttMinMs)) / (rttMaxMs - rttMinMs))
}
