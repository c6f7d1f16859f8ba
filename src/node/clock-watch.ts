import { CLOCK_TOLERANCE_MS } from '../core/doctor/clock.ts'
import { durationText } from '../core/doctor/duration-text.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { LogLimit } from '../platform/log-limit.ts'

/** How long whoever looks into the log, and peers that seemed to have no valid certificate, may have to wait. */
const CHECK_MS = 5_000

/**
 * Says when the wall clock was set, in the log as well, until disposed of: what follows from it (certificates that are not valid
 * yet, tunnels that OpenVPN takes for silent) is puzzling to whoever does not know that.
 */
export function watchClock({
  clock,
  log,
  onSet,
}: {
  readonly clock: Pick<Clock, 'now' | 'monotonicMs' | 'every'>
  readonly log: Logger
  readonly onSet: () => void
}): Disposable {
  const limit = new LogLimit(clock)
  const aheadMs = () => clock.now() - clock.monotonicMs()
  let beforeMs = aheadMs()
  return clock.every(CHECK_MS, () => {
    const jumpMs = aheadMs() - beforeMs
    // NTP moves both clocks alike: this is the sum of all steps since the last line.
    if (Math.abs(jumpMs) <= CLOCK_TOLERANCE_MS) return
    beforeMs += jumpMs
    const by = durationText(Math.abs(jumpMs))
    limit.write('clock', (omitted) =>
      jumpMs < 0
        ? log.warn(
            omitted,
            `the clock was set back by ${by}: no tunnels are made with certificates that are newer than it says`,
          )
        : // CLOCK_MONOTONIC stands still meanwhile.
          log.warn(
            omitted,
            `the clock was set forward by ${by}, or the machine slept: OpenVPN may take tunnels for silent, they are made anew`,
          ),
    )
    onSet()
  })
}
