import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Queries } from '../database/queries.ts'
import type { Store } from '../database/store.ts'
import { filterAsync } from '../filter-async.ts'
import type { ReachableNodes } from '../reachable-nodes.ts'
import type { MachineEvent, MachineHistory } from './schemas/machines.ts'
import { timeOf } from './time.ts'

const DAY_SECONDS = 24 * 3600
/** How many days are told of, and kept. */
const DAYS = 90
/** Events that are told of, the latest; all are kept so long. */
const MAX_EVENTS = 500
const EVENTS_DAYS = 400
/** How often somebody looks who is there, and how often what was seen is written. */
const LOOK_MS = 60_000
const LOOKS_PER_WRITE = 15
/** A machine is lost when it was not there for so many looks: not while it restarts. */
const LOST_LOOKS = 3
/** Several processes look, each at its own moment. */
const SAME_EVENT_MS = 2 * LOST_LOOKS * LOOK_MS

/** Something happened to a machine. Call it in the transaction that does it. */
export async function recordEvent(
  writable: Queries,
  prefix: string,
  { kind, detail }: { readonly kind: MachineEvent['kind']; readonly detail?: string },
  nowMs: number,
): Promise<void> {
  await writable.run(
    'INSERT INTO machine_event VALUES (?, ?, ?, ?)',
    ...[prefix, Math.floor(nowMs / 1000), kind, detail ?? null],
  )
}

/** Several things happen to a machine in one second: as they were written, as far as the database knows it. */
const latestFirst = ({ writtenOrder }: Queries): string => `date DESC, ${writtenOrder} DESC`

/** A machine is there, or not any more: what another process has noted a moment ago is the same event. */
async function recordPresence(
  writable: Queries,
  prefix: string,
  kind: 'seen' | 'lost',
  nowMs: number,
): Promise<void> {
  const [last] = await writable.all<{ kind: string; date: number }>(
    `SELECT kind, date FROM machine_event WHERE prefix = ? AND kind IN ('seen', 'lost') ORDER BY ${latestFirst(writable)} LIMIT 1`,
    prefix,
  )
  if (last?.kind !== kind || nowMs - last.date * 1000 > SAME_EVENT_MS)
    await recordEvent(writable, prefix, { kind }, nowMs)
}

/** A prefix has a new holder: what the one before did is not its own. */
export async function forgetHistory(writable: Queries, prefix: string): Promise<void> {
  for (const table of ['machine_event', 'machine_day', 'machine_version', 'machine_software'])
    await writable.run(`DELETE FROM ${table} WHERE prefix = ?`, prefix)
  await writable.setMachineName(prefix, undefined)
}

/** What happened to a machine, and how much of each day it was there. */
export async function historyOf(store: Queries, prefix: string, nowMs: number): Promise<MachineHistory> {
  const today = dayOf(nowMs)
  const looks = new Map(
    (
      await store.all<{ day: number; looks: number }>(
        'SELECT day, looks FROM look_day WHERE day > ?',
        today - DAYS,
      )
    ).map(({ day, looks }) => [day, looks]),
  )
  const seen = new Map(
    (
      await store.all<{ day: number; seen: number }>(
        'SELECT day, seen FROM machine_day WHERE prefix = ? AND day > ?',
        prefix,
        today - DAYS,
      )
    ).map(({ day, seen }) => [day, seen]),
  )
  const events = await store.all<{ date: number; kind: MachineEvent['kind']; detail: string | null }>(
    `SELECT date, kind, detail FROM machine_event WHERE prefix = ? ORDER BY ${latestFirst(store)} LIMIT ?`,
    ...[prefix, MAX_EVENTS],
  )
  const [enrolled] = await store.all<{ date: number | null }>(
    "SELECT MIN(date) AS date FROM machine_event WHERE prefix = ? AND kind = 'enrolled'",
    prefix,
  )
  // A machine is not missed before it has joined. Of one that came with another's database, it is not known when.
  const joined = enrolled?.date == null ? 0 : Number(enrolled.date)
  return {
    events: events.map(({ date, kind, detail }) => ({
      at: timeOf(date),
      kind,
      ...(detail === null ? {} : { detail }),
    })),
    availability: Array.from({ length: DAYS }, (_, index) => {
      const day = today - DAYS + 1 + index
      const all = Math.round((looks.get(day) ?? 0) * shareAfter(joined, day, Math.floor(nowMs / 1000)))
      return {
        day: timeOf(day * DAY_SECONDS).slice(0, 10),
        ...(all === 0 ? {} : { share: Math.min(1, (seen.get(day) ?? 0) / all) }),
      }
    }),
  }
}

/** Which part of a day, as far as it has passed, was after a time, both in Unix seconds. */
function shareAfter(time: number, day: number, now: number): number {
  const begin = day * DAY_SECONDS
  const end = Math.min(begin + DAY_SECONDS, now)
  if (time <= begin) return 1
  return time >= end ? 0 : (end - time) / (end - begin)
}

/** What looking needs. */
export interface LookoutComponents {
  readonly store: Store
  readonly reachable: ReachableNodes
  readonly registryPrefix: () => string | undefined
  readonly isMember: (prefix: string) => Promise<boolean>
  readonly clock: Pick<Clock, 'now' | 'every'>
  readonly log: Logger
}

/** Looks each minute who is there, by the routes of the registry's own node, and keeps count. */
export class Lookout implements Disposable {
  readonly #components: LookoutComponents
  readonly #timer: Disposable
  /** How often each was missed since it was there. */
  readonly #missed = new Map<string, number>()
  #seen = new Map<string, number>()
  #looks = 0
  #day: number
  #isFirst = true

  constructor(components: LookoutComponents) {
    this.#components = components
    const { clock, log } = components
    this.#day = dayOf(clock.now())
    this.#timer = clock.every(LOOK_MS, () => {
      this.look().catch((error: unknown) => log.warn({ err: error }, 'who was there cannot be written'))
    })
  }

  async look(): Promise<void> {
    const { reachable, registryPrefix, isMember, clock, log } = this.#components
    const own = registryPrefix()
    const routed = await filterAsync(await reachable.list(), isMember)
    // Without routes, our own node is gone: of the others nobody knows.
    if (own === undefined || routed.length === 0) return
    const day = dayOf(clock.now())
    if (day !== this.#day || this.#looks >= LOOKS_PER_WRITE)
      await this.save().catch((error: unknown) => log.warn({ err: error }, 'who was there cannot be written'))
    if (day !== this.#day) {
      // What could not be written of the day before is of no other.
      this.#looks = 0
      this.#seen = new Map()
    }
    this.#day = day
    this.#looks += 1
    const present = new Set<string>([own, ...routed])
    const back: string[] = []
    for (const prefix of present) {
      this.#seen.set(prefix, (this.#seen.get(prefix) ?? 0) + 1)
      if (!this.#isFirst && (this.#missed.get(prefix) ?? LOST_LOOKS) >= LOST_LOOKS) back.push(prefix)
      this.#missed.set(prefix, 0)
    }
    const lost: string[] = []
    for (const [prefix, missed] of this.#missed) {
      if (present.has(prefix)) continue
      if (!(await isMember(prefix))) this.#missed.delete(prefix)
      else if (missed < LOST_LOOKS) {
        this.#missed.set(prefix, missed + 1)
        if (missed + 1 === LOST_LOOKS) lost.push(prefix)
      }
    }
    this.#isFirst = false
    if (back.length + lost.length > 0) await this.#record(back, lost)
  }

  async #record(back: readonly string[], lost: readonly string[]): Promise<void> {
    const { store, clock } = this.#components
    await store.write(
      async (writable) => {
        const nowMs = await writable.commonTimeMs(clock)
        for (const prefix of back) await recordPresence(writable, prefix, 'seen', nowMs)
        for (const prefix of lost) await recordPresence(writable, prefix, 'lost', nowMs)
      },
      { isExpendable: true },
    )
  }

  /** Writes what was counted. */
  async save(): Promise<void> {
    const [seen, looks, day] = [this.#seen, this.#looks, this.#day]
    this.#seen = new Map()
    this.#looks = 0
    if (looks === 0) return
    try {
      await this.#write(day, looks, seen)
    } catch (error) {
      // With what is counted next, of the same day.
      if (day === this.#day) {
        this.#looks += looks
        for (const [prefix, times] of seen) this.#seen.set(prefix, (this.#seen.get(prefix) ?? 0) + times)
      }
      throw error
    }
  }

  async #write(day: number, looks: number, seen: ReadonlyMap<string, number>): Promise<void> {
    await this.#components.store.write(
      async (writable) => {
        await writable.run(
          'INSERT INTO look_day VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET looks = look_day.looks + excluded.looks',
          ...[day, looks],
        )
        for (const [prefix, times] of seen)
          await writable.run(
            'INSERT INTO machine_day VALUES (?, ?, ?) ON CONFLICT (prefix, day) DO UPDATE SET seen = machine_day.seen + excluded.seen',
            ...[prefix, day, times],
          )
        await writable.run('DELETE FROM look_day WHERE day <= ?', day - DAYS)
        await writable.run('DELETE FROM machine_day WHERE day <= ?', day - DAYS)
        await writable.run('DELETE FROM machine_event WHERE date < ?', (day - EVENTS_DAYS) * DAY_SECONDS)
      },
      { isExpendable: true },
    )
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }
}

const dayOf = (ms: number): number => Math.floor(ms / 1000 / DAY_SECONDS)
