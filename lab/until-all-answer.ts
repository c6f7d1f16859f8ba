import type { LabProcess } from './lab-process.ts'
import type { PingTarget } from './pings.ts'
import { waitFor } from './wait-for.ts'

/** Between two pings of each pair: how exact the answer is. */
const PAUSE_MS = 100
/** So old its last answer may be, beside the newest of all, for a pair to be one that answers. */
const RECENT_MS = 5 * PAUSE_MS
const LOOK_MS = 20

interface Pair {
  readonly from: PingTarget
  readonly to: PingTarget
  /** Since when it has answered without a pause, and when it did so last, by the wall clock. */
  answered: { readonly sinceMs: number; lastMs: number } | undefined
}

/**
 * Everybody pings everybody else, again and again, until all answer. Exact to a tenth of a second where `pingAllPairs`, round
 * after round, waits in each for those that do not; one process per machine in all.
 * @returns milliseconds since this was called until the last pair began to answer
 * @throws Error at the deadline: names the pairs that do not
 */
export async function untilAllAnswer(targets: readonly PingTarget[], deadlineMs: number): Promise<number> {
  const beganMs = Date.now()
  const pairs = targets.flatMap((from) =>
    targets.filter((to) => to !== from).map((to): Pair => ({ from, to, answered: undefined })),
  )
  const pings = targets.map((from) =>
    ping(
      from,
      pairs.filter((pair) => pair.from === from),
    ),
  )
  try {
    await waitFor(
      () => {
        const newestMs = Math.max(...pairs.map(({ answered }) => answered?.lastMs ?? 0))
        const silent = pairs.filter(({ answered }) => !answered || answered.lastMs < newestMs - RECENT_MS)
        const names = silent.map(({ from, to }) => `${from.machine.name} → ${to.machine.name}`)
        if (silent.length > 0) throw new Error(`${silent.length} pairs missing: ${names.join(', ')}`)
        return true
      },
      { what: `all pairs of ${targets.length} machines to answer`, deadlineMs, intervalMs: LOOK_MS },
    )
    return Math.max(...pairs.map(({ answered }) => (answered?.sinceMs ?? beganMs) - beganMs))
  } finally {
    await Promise.all(pings.map((one) => one.stop()))
  }
}

function ping({ machine }: PingTarget, pairs: readonly Pair[]): LabProcess {
  const byAddress = new Map(pairs.map((pair) => [pair.to.address, pair]))
  return machine.start(['fping', '-D', '-l', '-i1', `-p${PAUSE_MS}`, `-t${PAUSE_MS}`, ...byAddress.keys()], {
    name: 'fping',
    onLine: (line) => {
      const [, seconds = '', address = ''] = /^\[([\d.]+)\] (\S+)\s*: \[\d+\], \d+ bytes/.exec(line) ?? []
      const pair = byAddress.get(address)
      if (pair === undefined) return
      const atMs = Number(seconds) * 1000
      const { answered } = pair
      if (answered && atMs - answered.lastMs <= RECENT_MS) answered.lastMs = atMs
      else pair.answered = { sinceMs: atMs, lastMs: atMs }
    },
  })
}
