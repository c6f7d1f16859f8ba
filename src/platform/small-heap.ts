import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** Both halves of where V8 puts what is new; by itself it lets them grow to 32 MB. With less than this, calls cost more. */
const YOUNG_BYTES = 8 << 20
/** How much what lives longer may grow until it is looked through; by itself V8 waits until it is up to four times as large. */
const GROWING_PERCENT = 50
/** Who has to clear out what is new so often within a second has too little room for it. */
const OFTEN = 10
const SECOND_MS = 1_000
/** Of a step: what is kept is looked at once in so many bytes, and is more than V8 needs to see. */
const STEP_BYTES = 1 << 16
const MOST_STEPS = 512

/**
 * For a daemon that runs for months beside others: V8 gives back memory sooner than it takes more. Command line options
 * would do the same, but not for those who start the program by themselves.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`)
  setGrowth('none')
  let clearedMs: number[] = []
  let grownMs = 0
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      if (isOfYoung(entry) && entry.startTime > grownMs) clearedMs.push(entry.startTime)
    const lastMs = clearedMs.at(-1) ?? 0
    clearedMs = clearedMs.filter((ms) => ms > lastMs - SECOND_MS)
    if (clearedMs.length < OFTEN) return
    const hasGrown = growYoung()
    grownMs = performance.now()
    clearedMs = []
    // On a machine with little memory V8 has a bound of its own.
    if (!hasGrown || youngBytes() >= YOUNG_BYTES) observer.disconnect()
  })
  observer.observe({ entryTypes: ['gc'] })
}

const isOfYoung = (entry: PerformanceEntry & { readonly detail?: { readonly kind?: number } }): boolean =>
  entry.detail?.kind === constants.NODE_PERFORMANCE_GC_MINOR

const youngBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0

/** How V8 grows the room for what is new, when much of it lives on. */
const setGrowth = (growth: 'none' | 'double'): void =>
  setFlagsFromString(`--semi-space-growth-factor=${growth === 'none' ? 1 : 2}`)

/**
 * Lets it grow by one step, while nothing else is done: if V8 might grow it when it likes, it would go on to 32 MB within a turn
 * of the event loop in which there is much to do. @returns whether it could
 */
function growYoung(): boolean {
  const before = youngBytes()
  const kept: number[][] = []
  setGrowth('double')
  for (let step = 0; step < MOST_STEPS && youngBytes() === before; step++)
    kept.push(new Array<number>(STEP_BYTES / 8).fill(step))
  setGrowth('none')
  return youngBytes() !== before
}
