import { durationText } from '../../core/doctor/duration-text.ts'
import { type AwakeClock, awakeClock } from '../../platform/awake-clock.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { LogLimit } from '../../platform/log-limit.ts'

/** Shorter lags are nothing that an operator must know of. */
const NEWS_MS = 2_000

/** The time by which a node judges that somebody does not answer; says in the log when it is not the machine's. */
export function awakeTime({ clock, log }: { readonly clock: Clock; readonly log: Logger }): AwakeClock {
  const limit = new LogLimit(clock)
  return awakeClock(clock, (lagMs) => {
    if (lagMs < NEWS_MS) return
    limit.write('lag', (omitted) =>
      log.warn(
        omitted,
        `this machine is overloaded: the node could not run for ${durationText(lagMs)}; who has not answered meanwhile is given more time`,
      ),
    )
  })
}
