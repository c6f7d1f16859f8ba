import type { Validity } from '../crypto/certificate.ts'
import { dateText, durationText } from './duration-text.ts'
import type { Finding } from './finding.ts'

/** What tells the time. */
export interface ClockFacts {
  /** This machine's clock, milliseconds since the Unix epoch. */
  readonly nowMs: number
  /** By how much the registry's clock is ahead of it; undefined: the registry did not say. */
  readonly registryAheadMs: number | undefined
  /** The node's certificate, and that of its authority. */
  readonly certificates: readonly Validity[]
}

/** Handshakes tell replays by the time: a minute is more than NTP ever leaves, and less than what does harm. */
export const CLOCK_TOLERANCE_MS = 60_000

const REMEDY =
  'set the clock and keep it right (timedatectl set-ntp true, or the package chrony), then start the node again'

/** The right time as well as it is known: the registry's, if it says it. */
export const rightTimeMs = ({ nowMs, registryAheadMs = 0 }: ClockFacts): number => nowMs + registryAheadMs

/** Judges the clock of this machine. */
export function judgeClock(facts: ClockFacts): Finding[] {
  const { nowMs, registryAheadMs, certificates } = facts
  if (registryAheadMs !== undefined && Math.abs(registryAheadMs) > CLOCK_TOLERANCE_MS) {
    const direction = registryAheadMs > 0 ? 'behind' : 'ahead of'
    const what = `the clock of this machine (${dateText(nowMs)}) is ${durationText(Math.abs(registryAheadMs))} ${direction} that of the registry (${dateText(rightTimeMs(facts))})`
    return [{ code: 'clock-wrong', what, remedy: REMEDY }]
  }
  // Certificates were made in the past, by the registry's clock.
  const latestMs = Math.max(...certificates.map(({ notBeforeMs }) => notBeforeMs))
  if (rightTimeMs(facts) >= latestMs - CLOCK_TOLERANCE_MS) return []
  const what = `the clock of this machine says ${dateText(nowMs)}, but its certificate was made later (valid from ${dateText(latestMs)})`
  return [{ code: 'clock-wrong', what, remedy: REMEDY }]
}
