import { CLOCK_TOLERANCE_MS } from '../core/doctor/clock.ts'
import { durationText } from '../core/doctor/duration-text.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { LogLimit } from '../platform/log-limit.ts'
import { sleptMs } from '../platform/sleep-time.ts'

/** What a watched clock needs, and whom it tells. */
interface ClockWatchInit {
  readonly clock: Pick<Clock, 'now' | 'monotonicMs' | 'every'>
  readonly log: Logger
  /** How long the machine has slept, but for a constant. */
  readonly asleepMs?: () => number
  /** The wall clock was set. */
  readonly onSet: () => void
  /** The machine slept: its peers may have given it up. */
  readonly onSlept: () => void
}

/** Whoever wakes a machine wants to use it now. */
const CHECK_MS = 1_000
/** Shorter ones nobody has noticed; what the two clocks differ by besides is less. */
const SLEEP_MS = 2_000

/**
 * Says when the wall clock was set or the machine slept, in the log as well, until disposed of: what follows from it
 * (certificates that are not valid yet, tunnels that OpenVPN takes for silent) is puzzling to whoever does not know that.
 */
export function watchClock(init: ClockWatchInit): Disposable {
  const { clock, log, onSet, onSlept, asleepMs = () => sleptMs(clock) } = init
  const limit = new LogLimit(clock)
  const aheadMs = () => clock.now() - clock.monotonicMs()
  let [aheadBeforeMs, asleepBeforeMs] = [aheadMs(), asleepMs()]
  return clock.every(CHECK_MS, () => {
    const sleepMs = asleepMs() - asleepBeforeMs
    asleepBeforeMs += sleepMs
    if (sleepMs > SLEEP_MS) {
      limit.write('sleep', (omitted) =>
        log.info(
          omitted,
          `the machine slept for ${durationText(sleepMs)}: tunnels without an answer are made anew`,
        ),
      )
      // The wall clock went on with the time, not ahead of it.
      aheadBeforeMs += sleepMs
      onSlept()
    }
    const jumpMs = aheadMs() - aheadBeforeMs
    // NTP moves both clocks alike: this is the sum of all steps since the last line.
    if (Math.abs(jumpMs) <= CLOCK_TOLERANCE_MS) return
    aheadBeforeMs += jumpMs
    const by = durationText(Math.abs(jumpMs))
    limit.write('clock', (omitted) =>
      jumpMs < 0
        ? log.warn(
            omitted,
            `the clock was set back by ${by}: no tunnels are made with certificates that are newer than it says`,
          )
        : log.warn(
            omitted,
            `the clock was set forward by ${by}: OpenVPN may take tunnels for silent, they are made anew`,
          ),
    )
    onSet()
  })
}
