import type { ChangeFeed } from './change-feed.ts'
import type { DatabaseKind } from './migrations/migration.ts'
import type { Statement } from './statement.ts'
import type { ConfigRowValue } from './tables.ts'

/** What a column of the API's tables holds. */
export type SqlValue = string | number | null

/** What stands for a `?`: a list only where `Lists` says so. */
export type SqlParameter = SqlValue | readonly (string | number)[]

/** How a database is asked for rows of any of some values. */
export interface Lists {
  /** So many at a time. */
  readonly atOnce: number
  /** What stands behind the column. */
  readonly text: string
  /** For so many values, or fewer. */
  parameters(values: readonly (string | number)[]): readonly SqlParameter[]
}

/** Runs statements, within a transaction or outside of any. */
export interface Executor {
  /** @returns all rows of the answer: few */
  all<Arguments extends readonly unknown[], Row>(
    statement: Statement<Arguments, Row>,
    args: Arguments,
  ): Promise<Row[]>
  /** Runs a text with `?` for each parameter. */
  run(
    sql: string,
    parameters: readonly SqlParameter[],
  ): Promise<{ readonly rows: unknown[]; readonly changes: number }>
}

/** What queries need to know of the kind of database under them. */
export interface Dialect {
  readonly kind: DatabaseKind
  /** How a value of the table `config` is kept. */
  readonly configValues: ConfigValues
  readonly lists: Lists
  /** Tells all processes with this database, when the transaction is committed. */
  notify(executor: Executor, topic: Topic): Promise<void>
  /** What time it is for all processes with this database, in Unix milliseconds; undefined: there is one process, which has its own clock. */
  commonTimeMs(executor: Executor): Promise<number | undefined>
  /** Names of its tables. */
  tables(executor: Executor): Promise<string[]>
  /** Removes all rows of a table, however many. */
  clear(executor: Executor, table: string): Promise<void>
  /** Lets rows into a table as they are while `write` runs, whatever triggers of it say. */
  unguarded(executor: Executor, table: string, write: () => Promise<void>): Promise<void>
  /** What is broken of what the database itself keeps beside the rows; none: it is whole, or finds that out when it reads. */
  damage(executor: Executor): Promise<string[]>
}

/** A transaction may have been committed, or not: it must not be tried again. */
export class OutcomeUnknown extends Error {}

/** A database that is open. What is read outside of a transaction was committed. */
export interface Engine extends Executor, Dialect {
  /** How to name it to an operator, without a password. */
  readonly name: string
  /**
   * Runs a transaction: all or nothing. One at a time; no other process changes anything meanwhile.
   * @throws OutcomeUnknown when it may have been committed; otherwise it was not
   */
  transaction<T>(work: (executor: Executor) => Promise<T>): Promise<T>
  /** Reads what was committed at one moment; others go on changing it meanwhile. */
  snapshot<T>(read: (executor: Executor) => Promise<T>): Promise<T>
  /** Resolves when what was committed before survives a power cut. */
  sync(): Promise<void>
  /** All changes from now on, for a standby; undefined where the database has standbys of its own, or no log to follow. */
  feed(): ChangeFeed | undefined
  /** Whether the same can be tried again: the database is held by another process, or there is none at the moment. */
  isRetryable(error: unknown): boolean
  /** Whether it is no fault of ours, but the database cannot be used at the moment, or has no room. */
  isAway(error: unknown): boolean
  /** How long that is tried. */
  readonly giveUpMs: number
  /** Calls `listener` when any process notifies, when notifications may have been lost, and now where there are other processes. */
  onNotification(listener: (topic: Topic) => void): void
  /** What it takes on the disk. */
  bytes(): Promise<number>
  close(): Promise<void>
}

/** What others are told: that the published configuration was changed. */
export type Topic = 'configuration'

/** SQLite keeps a value of any type as it is, as the Python implementation wants it; PostgreSQL does not. */
export interface ConfigValues {
  write(name: string, value: ConfigRowValue): ConfigRowValue
  read(value: ConfigRowValue): ConfigRowValue
}
