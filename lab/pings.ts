import { systemClock } from '../src/platform/clock.ts'
import type { LabProcess } from './lab-process.ts'
import type { Machine } from './machine.ts'

/** Someone who pings and is pinged: a machine and its address in the network. */
export interface PingTarget {
  readonly machine: Machine
  readonly address: string
}

/** Round-trip times of one round, from each to each: `undefined` where no answer came in time. */
export type PingMatrix = ReadonlyMap<PingTarget, ReadonlyMap<PingTarget, number | undefined>>

/** One ping from one machine to several addresses at the same time; milliseconds, or `undefined` without an answer. */
export async function pingFrom(
  machine: Machine,
  addresses: readonly string[],
  timeoutMs = 1_000,
): Promise<ReadonlyMap<string, number | undefined>> {
  if (addresses.length === 0) return new Map()
  // -C1: one line per address with its time; -r0: no second try; -i1: 1 ms between two packets.
  const { stderr } = await machine.capture('fping', '-q', '-C1', '-r0', '-i1', `-t${timeoutMs}`, ...addresses)
  const answered = new Map<string, number>()
  for (const line of stderr.split('\n')) {
    const [, address = '', time = ''] = /^(\S+)\s*: ([\d.]+)$/.exec(line) ?? []
    if (address !== '') answered.set(address, Number(time))
  }
  return new Map(addresses.map((address) => [address, answered.get(address)]))
}

/** Everybody pings everybody else, at the same time. Costs one process per machine. */
export async function pingAllPairs(targets: readonly PingTarget[], timeoutMs?: number): Promise<PingMatrix> {
  const rows = targets.map(async (from): Promise<[PingTarget, Map<PingTarget, number | undefined>]> => {
    const others = targets.filter((to) => to !== from)
    const times = await pingFrom(
      from.machine,
      others.map((to) => to.address),
      timeoutMs,
    )
    return [from, new Map(others.map((to) => [to, times.get(to.address)]))]
  })
  return new Map(await Promise.all(rows))
}

/** The pairs without an answer, as `a → b`. */
export const missingPairs = (matrix: PingMatrix): string[] =>
  [...matrix].flatMap(([from, row]) =>
    [...row]
      .filter(([, time]) => time === undefined)
      .map(([to]) => `${from.machine.name} → ${to.machine.name}`),
  )

/** What a series of pings saw. */
export interface PingSeries {
  readonly sent: number
  readonly received: number
  /** Longest time between two answers, or since the last one. */
  readonly longestGapMs: number
}

/** How long an answer to a ping of now is waited for. */
const LAST_ANSWER_MS = 2_000
const LOOK_MS = 10
/** So many pings without an answer are a gap. */
const GAP_PINGS = 4

/**
 * A ping every few milliseconds, to see how long packets do not flow. There is a gap only where pings were lost, and it
 * is as long as `fping` says: how busy this process, or the machine, is at the moment is not taken for an outage.
 */
export class PingMonitor {
  readonly #process: LabProcess
  #received = 0
  #lost = 0
  #longestGapMs = 0
  /** When the last answer came, by the clock of this process. */
  #lastSeenMs = performance.now()
  /** When the newest ping was answered, and since when there is no gap, by the clock of `fping`. */
  #newestMs = Number.NaN
  #steadySinceMs = Number.NaN
  /** Number of the newest ping that was answered. */
  #newest = -1
  /** Pings with smaller numbers do not count: that one was lost is known only after its time-out. */
  #firstCounted = 0
  readonly #pauseMs: number

  constructor(from: Machine, address: string, intervalMs = 50) {
    this.#pauseMs = intervalMs * GAP_PINGS
    this.#process = from.start(
      ['fping', '-D', '-l', `-p${intervalMs}`, `-t${Math.max(intervalMs, 1_000)}`, address],
      { name: `fping ${address}`, onLine: (line) => this.#read(line) },
    )
  }

  /** How long answers have been coming without a gap; 0 while there is one. */
  get steadyMs(): number {
    return performance.now() - this.#lastSeenMs > this.#pauseMs
      ? 0
      : this.#newestMs - this.#steadySinceMs || 0
  }

  /** So far. */
  get series(): PingSeries {
    return {
      sent: this.#received + this.#lost,
      received: this.#received,
      longestGapMs: Math.max(this.#longestGapMs, performance.now() - this.#lastSeenMs),
    }
  }

  /** Forgets the gaps so far: what follows is to be measured. */
  reset(): void {
    this.#received = 0
    this.#lost = 0
    this.#longestGapMs = 0
    this.#firstCounted = this.#newest + 1
  }

  /** So far, and up to now: what this process has not read yet is no gap. */
  async measured(): Promise<PingSeries> {
    const [nowMs, untilMs] = [systemClock.now(), systemClock.monotonicMs() + LAST_ANSWER_MS]
    while (!(this.#newestMs > nowMs) && systemClock.monotonicMs() < untilMs) await systemClock.sleep(LOOK_MS)
    return this.series
  }

  async stop(): Promise<PingSeries> {
    const series = await this.measured()
    await this.#process.stop()
    return series
  }

  #read(line: string): void {
    const [, seconds = '', digits = '', what = ''] = /^\[([\d.]+)\] .* : \[(\d+)\], (.*)$/.exec(line) ?? []
    const number = Number(digits)
    if (/^\d+ bytes/.test(what)) {
      this.#lastSeenMs = performance.now()
      this.#received++
      if (number > this.#newest) this.#answered(number, Number(seconds) * 1000)
    } else if (/^(timed out|error)/.test(what) && number >= this.#firstCounted) this.#lost++
  }

  #answered(number: number, atMs: number): void {
    const isFirst = this.#newest < 0
    if (!isFirst && number > this.#newest + 1)
      this.#longestGapMs = Math.max(this.#longestGapMs, atMs - this.#newestMs)
    if (isFirst || number > this.#newest + GAP_PINGS) this.#steadySinceMs = atMs
    this.#newest = number
    this.#newestMs = atMs
  }
}
