import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** Both halves of where V8 puts what is new; by itself it lets them grow to 32 MB. With less than this, calls cost more. */
const YOUNG_BYTES = 8 << 20
/** How much what lives longer may grow until it is looked through; by itself V8 waits until it is up to four times as large. */
const GROWING_PERCENT = 50

/**
 * For a daemon that runs for months beside others: V8 gives back memory sooner than it takes more. Command line options
 * would do the same, but not for those who start the program by themselves.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`)
  const observer = new PerformanceObserver(() => {
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
    if ((young?.space_size ?? 0) < YOUNG_BYTES) return
    setFlagsFromString('--semi-space-growth-factor=1')
    observer.disconnect()
  })
  observer.observe({ entryTypes: ['gc'] })
}
