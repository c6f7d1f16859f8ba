import { uptime } from 'node:os'
import type { Clock } from './clock.ts'

/**
 * How long this machine has been asleep (suspended) since it was started, in milliseconds, but for a constant: the
 * time since its start goes on meanwhile (CLOCK_BOOTTIME), the monotonic clock stands still.
 */
export const sleptMs = (clock: Pick<Clock, 'monotonicMs'>): number => uptime() * 1000 - clock.monotonicMs()
