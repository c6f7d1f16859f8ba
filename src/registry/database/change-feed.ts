import { randomBytes } from 'node:crypto'
import type { Database } from 'better-sqlite3'
import { Listeners } from '../../core/listeners.ts'
import { ChangeLog, type LoggedChange } from '../../core/standby/change-log.ts'
import { MAX_FRAME_LENGTH } from '../../core/standby/frames.ts'
import { type ChangeStatement, encodeMessage, type Position } from '../../core/standby/messages.ts'
import { asChanged } from './changed-values.ts'

/** How much of what has changed is kept for a standby that was away, or that a copy is made for. */
const MAX_LOG_LENGTH = 32 * 1024 * 1024

/** What a transaction has changed, until it is committed. */
interface Pending {
  readonly statements: ChangeStatement[]
  /** As it was when nobody else could change anything. */
  readonly dataVersion: number
  /** Another program has changed something since the last transaction. */
  readonly isForeign: boolean
  /** What is to be told, once it is committed. */
  outcome:
    | { readonly kind: 'change'; readonly change: LoggedChange }
    | { readonly kind: 'renewed' }
    | undefined
}

/**
 * All changes of a database, numbered, in the order in which they are committed. The number is written in the same
 * transaction: a copy knows which changes are in it. What another program changes is noticed, and begins a new generation:
 * who follows needs a copy then.
 */
export class ChangeFeed {
  readonly #database: Database
  readonly #log: ChangeLog
  readonly #listeners = new Listeners()
  #dataVersion: number
  #pending: Pending | undefined

  /** @param database the connection that writes; it is in no transaction */
  constructor(database: Database) {
    this.#database = database
    const generation = newGeneration()
    this.#dataVersion = database
      .transaction(() => {
        database.prepare('UPDATE replication SET generation = ?').run(generation)
        return this.#readDataVersion()
      })
      .immediate()
    this.#log = new ChangeLog(readPosition(database), MAX_LOG_LENGTH)
  }

  /** How far the database is. */
  get position(): Position {
    return this.#log.position
  }

  /** Path of the database. */
  get path(): string {
    return this.#database.name
  }

  /** All changes after a position; undefined where a copy is needed. */
  after(position: Position): readonly LoggedChange[] | undefined {
    return this.#log.after(position)
  }

  /** Calls `listener` after each change, until disposed of. */
  onChange(listener: () => void): Disposable {
    return this.#listeners.add(listener)
  }

  /** Whether another program has changed something, which the next transaction will tell. */
  get isStale(): boolean {
    return this.#pending === undefined && this.#readDataVersion() !== this.#dataVersion
  }

  /** A transaction has begun: nobody else can change anything now. */
  begin(): void {
    const dataVersion = this.#readDataVersion()
    this.#pending = {
      statements: [],
      dataVersion,
      isForeign: dataVersion !== this.#dataVersion,
      outcome: undefined,
    }
  }

  /** A statement was run that changes something. */
  ran(sql: string, values: readonly unknown[], rows: number): void {
    this.#pending?.statements.push({ sql, values: values.map(asChanged), rows })
  }

  /** The transaction is about to be committed. */
  seal(): void {
    const pending = this.#pending
    if (!pending || (pending.statements.length === 0 && !pending.isForeign)) return
    const number = this.#log.position.number + 1
    const { statements } = pending
    const frame = pending.isForeign
      ? undefined
      : encodeMessage({ kind: 'change', change: { number, statements } })
    if (frame && frame.length <= MAX_FRAME_LENGTH) {
      this.#database.prepare('UPDATE replication SET number = ?').run(number)
      pending.outcome = { kind: 'change', change: { number, frame } }
      return
    }
    this.#database.prepare('UPDATE replication SET number = ?, generation = ?').run(number, newGeneration())
    pending.outcome = { kind: 'renewed' }
  }

  /** It is committed. */
  committed(): void {
    const pending = this.#pending
    if (!pending) return
    this.#pending = undefined
    this.#dataVersion = pending.dataVersion
    switch (pending.outcome?.kind) {
      case 'change':
        this.#log.add(pending.outcome.change)
        break
      case 'renewed':
        this.#log.renew(readPosition(this.#database))
        break
      case undefined:
        return
    }
    this.#listeners.tell()
  }

  /** It was rolled back. */
  rolledBack(): void {
    this.#pending = undefined
  }

  /** Changes when another connection has committed something, and only then (sqlite.org/pragma.html#pragma_data_version). */
  #readDataVersion(): number {
    return this.#database.pragma('data_version', { simple: true }) as number
  }
}

/** How far a database is, as it says itself. */
export function readPosition(database: Database): Position {
  const row = database.prepare<[], Position>('SELECT generation, number FROM replication').get()
  return row ?? { generation: '', number: 0 }
}

const newGeneration = (): string => randomBytes(12).toString('base64url')
