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

/** A ping every few milliseconds, to see how long packets do not flow. */
export class PingMonitor {
  readonly #process: LabProcess
  readonly #startedMs = performance.now()
  #received = 0
  #lost = 0
  #lastAnswerMs = this.#startedMs
  #longestGapMs = 0
  #steadySinceMs = Number.POSITIVE_INFINITY
  /** Number of the newest ping that was answered. */
  #newest = -1
  /** Pings with smaller numbers do not count: that one was lost is known only after its time-out. */
  #firstCounted = 0
  /** A pause longer than this is a gap. */
  readonly #pauseMs: number

  constructor(from: Machine, address: string, intervalMs = 50) {
    this.#pauseMs = intervalMs * 4
    this.#process = from.start(
      ['fping', '-l', `-p${intervalMs}`, `-t${Math.max(intervalMs, 1_000)}`, address],
      { name: `fping ${address}`, onLine: (line) => this.#read(line) },
    )
  }

  /** How long answers have been coming without a gap; 0 while there is one. */
  get steadyMs(): number {
    const now = performance.now()
    return now - this.#lastAnswerMs > this.#pauseMs ? 0 : Math.max(0, now - this.#steadySinceMs)
  }

  /** So far. */
  get series(): PingSeries {
    return {
      sent: this.#received + this.#lost,
      received: this.#received,
      longestGapMs: Math.max(this.#longestGapMs, performance.now() - this.#lastAnswerMs),
    }
  }

  /** Forgets the gaps so far: what follows is to be measured. */
  reset(): void {
    this.#received = 0
    this.#lost = 0
    this.#longestGapMs = 0
    this.#firstCounted = this.#newest + 1
  }

  async stop(): Promise<PingSeries> {
    const series = this.series
    await this.#process.stop()
    return series
  }

  #read(line: string): void {
    const [, number = '', what = ''] = / : \[(\d+)\], (.*)$/.exec(line) ?? []
    if (/^\d+ bytes/.test(what)) {
      const now = performance.now()
      const gapMs = now - this.#lastAnswerMs
      if (gapMs > this.#pauseMs || this.#received === 0) this.#steadySinceMs = now
      this.#longestGapMs = Math.max(this.#longestGapMs, gapMs)
      this.#lastAnswerMs = now
      this.#newest = Math.max(this.#newest, Number(number))
      this.#received++
    } else if (/^(timed out|error)/.test(what) && Number(number) >= this.#firstCounted) this.#lost++
  }
}
