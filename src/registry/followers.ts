import { remember } from '../core/remember.ts'
import { type NetworkVersion, numberOfVersion } from '../core/values/network-version.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { Turns } from '../platform/turns.ts'
import type { Store } from './database/store.ts'

/** What is needed to know who follows. */
export interface FollowersComponents {
  readonly store: Pick<Store, 'write' | 'all' | 'isShared'>
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly log: Logger
}

/** Of so many nodes it is known which version they have asked for: of those with the newest. */
const MAX_FOLLOWERS = 100_000
/** What many ask for at once is written together. */
const WRITE_AFTER_MS = 5_000
/** What other processes have heard is looked up so often, while somebody wants to know. */
const FRESH_MS = 5_000

/**
 * Which nodes have asked for which version of the network's configuration. The database keeps it: nodes ask again only when there is
 * another one, and not when the registry is started again or when another process answers.
 */
export class Followers {
  readonly #components: FollowersComponents
  #versions = new Map<string, number>()
  /** Of what was asked for, what the database does not have yet. */
  #unwritten = new Map<string, number>()
  #timer: Disposable | undefined
  /** What is being written is in the database before it is read. */
  readonly #turns = new Turns()
  #readMs: number | undefined

  constructor(components: FollowersComponents) {
    this.#components = components
  }

  /** A node has asked for a version. */
  heardOf(prefix: string, version: NetworkVersion): void {
    const number = numberOf(version)
    if (this.#versions.get(prefix) === number) return
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

  /** Learns what was asked for before this process ran, and what others were asked for: to be called before a question. */
  async read(): Promise<void> {
    const { store, clock } = this.#components
    const nowMs = clock.now()
    if (this.#readMs !== undefined && (!store.isShared || Math.abs(nowMs - this.#readMs) < FRESH_MS)) return
    await this.save()
    const rows = await store.all<{ prefix: string; version: number }>(
      'SELECT prefix, version FROM machine_version ORDER BY version DESC LIMIT ?',
      MAX_FOLLOWERS,
    )
    const heardMeanwhile = this.#unwritten
    this.#versions = new Map(rows.reverse().map(({ prefix, version }) => [prefix, Number(version)]))
    for (const [prefix, number] of heardMeanwhile) this.#versions.set(prefix, number)
    // Not before: what could not be read is read by the next question.
    this.#readMs = nowMs
  }

  /** Whether a node has asked for a version, or a newer one. */
  hasVersion(prefix: string, version: NetworkVersion): boolean {
    return (this.#versions.get(prefix) ?? -1) >= numberOf(version)
  }

  /** Who has asked for a version, or a newer one. */
  of(version: NetworkVersion): readonly string[] {
    return [...this.#versions.keys()].filter((prefix) => this.hasVersion(prefix, version))
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
          for (const [prefix, number] of unwritten)
            await writable.run(
              'INSERT INTO machine_version VALUES (?, ?) ON CONFLICT (prefix) DO UPDATE SET version = excluded.version',
              ...[prefix, number],
            )
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

function numberOf(version: NetworkVersion): number {
  const number = numberOfVersion(version)
  return number.ok ? Number(number.value) : 0
}
