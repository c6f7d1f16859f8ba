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

/** Where it is kept: a table with a row for each machine, none of whose columns is ever NULL. */
export interface SaidTable {
  readonly table: string
  /** Beside `prefix`. */
  readonly columns: readonly string[]
}

/** What is kept, and where. */
export interface SaidInit<Value> extends SaidTable {
  /** For the log. */
  readonly what: string
  /** What the columns have of it. */
  readonly rowOf: (value: Value) => readonly (string | number)[]
  /** Whether what was said last is asked for here, too, and not only of the database. */
  readonly isAskedFor?: boolean
}

/** What machines have said: of each, its columns. */
type SaidRows = readonly (readonly [prefix: string, row: readonly (string | number)[]])[]

/** Of so many machines it is known here what they have said last: of others it is looked up. */
const MAX_KNOWN = 10_000
/** Machines that run the same say the same: of so many different things, each is kept once. */
const MAX_SHARED = 1_000
/** What many say at once is written together. */
const WRITE_AFTER_MS = 5_000
/** So many are written by one statement, after which the database counts anew. */
const TOGETHER = 100

/** Something that machines say again with each call, kept in the database: each thing once, and what many say together. */
export class SaidByMachines<Value> implements AsyncDisposable {
  readonly #components: SaidComponents
  readonly #init: SaidInit<Value>
  readonly #known = new Map<string, Value>()
  readonly #shared = new Map<string, Value>()
  /** Of what was said, what the database does not have yet. */
  #unwritten = new Map<string, Value>()
  #timer: Disposable | undefined
  #isDisposed = false
  /** What is being written is in the database before it is read. */
  readonly #turns = new Turns()

  constructor(components: SaidComponents, init: SaidInit<Value>) {
    this.#components = components
    this.#init = init
  }

  /** A machine has said it. */
  heard(prefix: string, said: Value): void {
    const { store } = this.#components
    const value = this.#one(said)
    // Where another process has heard of a new machine with this prefix, what is known here was of the one before.
    if (!store.isShared && this.#known.get(prefix) === value) return
    if (!store.isShared || this.#init.isAskedFor === true) remember(this.#known, prefix, value, MAX_KNOWN)
    this.#unwritten.set(prefix, value)
    this.#writeSoon()
  }

  /** What is the same is one thing in memory. */
  #one(value: Value): Value {
    const key = JSON.stringify(this.#init.rowOf(value))
    const one = this.#shared.get(key) ?? value
    remember(this.#shared, key, one, MAX_SHARED)
    return one
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

  /** Writes what was said. What cannot be written now is tried again soon: whoever only wants to read goes on. */
  save(): Promise<void> {
    return this.#turns.take(() => this.#write())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    await this.save()
  }

  #writeSoon(): void {
    const { clock, log } = this.#components
    if (this.#isDisposed) return
    this.#timer ??= clock.after(WRITE_AFTER_MS, () =>
      inBackground(log, `writing ${this.#init.what}`, this.save()),
    )
  }

  async #write(): Promise<void> {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    const unwritten = this.#unwritten
    if (unwritten.size === 0) return
    this.#unwritten = new Map()
    const { store, log } = this.#components
    const { what, rowOf } = this.#init
    try {
      await store.write(
        async (writable) => {
          const rows = [...unwritten].map(([prefix, value]) => [prefix, rowOf(value)] as const)
          const whole = rows.length - (rows.length % TOGETHER)
          for (let at = 0; at < whole; at += TOGETHER)
            await writeSaid(writable, this.#init, rows.slice(at, at + TOGETHER))
          // One each: as many statements as there are numbers of rows would be prepared.
          for (const row of rows.slice(whole)) await writeSaid(writable, this.#init, [row])
        },
        { isExpendable: true },
      )
    } catch (error) {
      // With what is said next, unless that is newer.
      this.#unwritten = new Map([...unwritten, ...this.#unwritten])
      this.#writeSoon()
      log.warn({ err: error }, `writing ${what} failed: it is tried again`)
    }
  }
}

/** Writes what some machines have said, by one statement. What is there already is left alone: triggers make more of what changes. */
export async function writeSaid(
  writable: Queries,
  { table, columns }: SaidTable,
  rows: SaidRows,
): Promise<void> {
  const places = `(?${', ?'.repeat(columns.length)})`
  const each = (text: (column: string) => string, between: string) => columns.map(text).join(between)
  await writable.run(
    `INSERT INTO ${table} (prefix, ${columns.join(', ')}) VALUES ${rows.map(() => places).join(', ')} ON CONFLICT (prefix) DO UPDATE SET ${each((column) => `${column} = excluded.${column}`, ', ')} WHERE ${each((column) => `${table}.${column} <> excluded.${column}`, ' OR ')}`,
    ...rows.flatMap(([prefix, row]) => [prefix, ...row]),
  )
}
