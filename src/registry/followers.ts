import { remember } from '../core/remember.ts'
import { type NetworkVersion, numberOfVersion } from '../core/values/network-version.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { Turns } from '../platform/turns.ts'
import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'

/** What is needed to know who follows. */
export interface FollowersComponents {
  readonly store: Pick<Store, 'write' | 'allIn' | 'isShared'>
  readonly clock: Pick<Clock, 'after'>
  readonly log: Logger
}

/** Of so many nodes it is known here which version they have asked for last: of others it is written again. */
const MAX_FOLLOWERS = 100_000
/** What many ask for at once is written together. */
const WRITE_AFTER_MS = 5_000
/** So many are written by one statement, after which the database counts anew how many have which version. */
const TOGETHER = 100
/** The version of who has asked for none. */
const NONE = -1

/**
 * Which nodes have asked for which version of the network's configuration. The database keeps it: nodes ask again only when there is
 * another one, and not when the registry is started again or when another process answers.
 */
export class Followers {
  readonly #components: FollowersComponents
  readonly #versions = new Map<string, number>()
  /** Of what was asked for, what the database does not have yet. */
  #unwritten = new Map<string, number>()
  #timer: Disposable | undefined
  /** What is being written is in the database before it is read. */
  readonly #turns = new Turns()

  constructor(components: FollowersComponents) {
    this.#components = components
  }

  /** A node has asked for a version. */
  heardOf(prefix: string, version: NetworkVersion): void {
    const number = numberOf(version)
    // Where another process has heard of a new machine with this prefix, what is known here was of the one before.
    if (!this.#components.store.isShared && this.#versions.get(prefix) === number) return
    remember(this.#versions, prefix, number, MAX_FOLLOWERS)
    this.#unwritten.set(prefix, number)
    const { clock, log } = this.#components
    this.#timer ??= clock.after(WRITE_AFTER_MS, () =>
      inBackground(log, 'writing who follows the configuration', this.save()),
    )
  }

  /** A prefix has another machine: what the one before has asked for is not its own. The database forgets it with the rest. */
  forget(prefix: string): void {
    this.#versions.delete(prefix)
    this.#unwritten.delete(prefix)
  }

  /** Whether a node has asked this process for a version, or a newer one. */
  hasVersion(prefix: string, version: NetworkVersion): boolean {
    return (this.#versions.get(prefix) ?? NONE) >= numberOf(version)
  }

  /** Which of these nodes have not asked for a version, or a newer one, no matter whom and when. */
  async behind(prefixes: readonly string[], version: NetworkVersion): Promise<string[]> {
    await this.save()
    const rows = await this.#components.store.allIn<{ prefix: string; version: number }>(
      'SELECT prefix, version FROM machine_version WHERE prefix IN ?',
      prefixes,
    )
    const versions = new Map(rows.map((row) => [row.prefix, row.version] as const))
    return prefixes.filter((prefix) => (versions.get(prefix) ?? NONE) < numberOf(version))
  }

  /** Writes what was asked for. */
  save(): Promise<void> {
    return this.#turns.take(() => this.#write())
  }

  async #write(): Promise<void> {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    const unwritten = this.#unwritten
    if (unwritten.size === 0) return
    this.#unwritten = new Map()
    try {
      await this.#components.store.write(
        async (writable) => {
          const rows = [...unwritten]
          const whole = rows.length - (rows.length % TOGETHER)
          for (let at = 0; at < whole; at += TOGETHER) await insert(writable, rows.slice(at, at + TOGETHER))
          for (const row of rows.slice(whole)) await insert(writable, [row])
        },
        { isExpendable: true },
      )
    } catch (error) {
      // With what is asked for next, unless that is newer.
      this.#unwritten = new Map([...unwritten, ...this.#unwritten])
      throw error
    }
  }
}

async function insert(
  writable: Queries,
  rows: readonly (readonly [prefix: string, version: number])[],
): Promise<void> {
  await writable.run(
    `INSERT INTO machine_version VALUES ${rows.map(() => '(?, ?)').join(', ')} ON CONFLICT (prefix) DO UPDATE SET version = excluded.version`,
    ...rows.flat(),
  )
}

function numberOf(version: NetworkVersion): number {
  const number = numberOfVersion(version)
  return number.ok ? Number(number.value) : 0
}
