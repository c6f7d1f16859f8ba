import { remember } from '../core/remember.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { Turns } from '../platform/turns.ts'
import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'

/** What is needed to keep what machines say. */
export interface SaidComponents {
  readonly store: Pick<Store, 'write' | 'isShared'>
  readonly clock: Pick<Clock, 'after'>
  readonly log: Logger
}

/** What is kept, and where. */
export interface SaidInit<Value> {
  /** For the log. */
  readonly what: string
  readonly isSame: (one: Value, other: Value) => boolean
  /** Writes what some machines have said, by one statement. */
  readonly write: (
    writable: Queries,
    said: readonly (readonly [prefix: string, value: Value])[],
  ) => Promise<void>
}

/** Of so many machines it is known here what they have said last: of others it is written again. */
const MAX_KNOWN = 100_000
/** What many say at once is written together. */
const WRITE_AFTER_MS = 5_000
/** So many are written by one statement, after which the database counts anew. */
const TOGETHER = 100

/** Something that machines say again with each call, kept in the database: each thing once, and what many say together. */
export class SaidByMachines<Value> {
  readonly #components: SaidComponents
  readonly #init: SaidInit<Value>
  readonly #known = new Map<string, Value>()
  /** Of what was said, what the database does not have yet. */
  #unwritten = new Map<string, Value>()
  #timer: Disposable | undefined
  /** What is being written is in the database before it is read. */
  readonly #turns = new Turns()

  constructor(components: SaidComponents, init: SaidInit<Value>) {
    this.#components = components
    this.#init = init
  }

  /** A machine has said it. */
  heard(prefix: string, value: Value): void {
    const { clock, log, store } = this.#components
    const { what, isSame } = this.#init
    const before = this.#known.get(prefix)
    // Where another process has heard of a new machine with this prefix, what is known here was of the one before.
    if (!store.isShared && before !== undefined && isSame(before, value)) return
    remember(this.#known, prefix, value, MAX_KNOWN)
    this.#unwritten.set(prefix, value)
    this.#timer ??= clock.after(WRITE_AFTER_MS, () => inBackground(log, `writing ${what}`, this.save()))
  }

  /** A prefix has another machine: what the one before has said is not its own. */
  forget(prefix: string): void {
    this.#known.delete(prefix)
    this.#unwritten.delete(prefix)
  }

  /** What a machine has said last to this process; undefined: nothing, or too long ago. */
  last(prefix: string): Value | undefined {
    return this.#known.get(prefix)
  }

  /** The same, if the database does not have it yet. */
  unwritten(prefix: string): Value | undefined {
    return this.#unwritten.get(prefix)
  }

  /** Writes what was said. */
  save(): Promise<void> {
    return this.#turns.take(() => this.#write())
  }

  async #write(): Promise<void> {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    const unwritten = this.#unwritten
    if (unwritten.size === 0) return
    this.#unwritten = new Map()
    const { write } = this.#init
    try {
      await this.#components.store.write(
        async (writable) => {
          const rows = [...unwritten]
          const whole = rows.length - (rows.length % TOGETHER)
          for (let at = 0; at < whole; at += TOGETHER) await write(writable, rows.slice(at, at + TOGETHER))
          // One each: as many statements as there are numbers of rows would be prepared.
          for (const row of rows.slice(whole)) await write(writable, [row])
        },
        { isExpendable: true },
      )
    } catch (error) {
      // With what is said next, unless that is newer.
      this.#unwritten = new Map([...unwritten, ...this.#unwritten])
      throw error
    }
  }
}
