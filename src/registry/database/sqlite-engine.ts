import { statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { codeOf } from '../../core/errors.ts'
import { ChangeFeed } from './change-feed.ts'
import { BUSY_TIMEOUT_MS, CACHE_KIB } from './database.ts'
import { type Disk, diskOf, isWrittenAhead } from './disk.ts'
import type { ConfigValues, Engine, Executor, Lists, SqlParameter } from './engine.ts'
import type { Statement } from './statement.ts'
import type { ConfigRowValue } from './tables.ts'

/** Values of the table `config` that are whole numbers: SQLite must be told, since numbers here have fractions. */
const WHOLE_NUMBERS: ReadonlySet<string> = new Set(['serial'])

const LIST_LENGTH = 100

/** One text however many there are: it is prepared once. */
const LISTS: Lists = {
  atOnce: LIST_LENGTH,
  text: `IN (${Array(LIST_LENGTH).fill('?').join(', ')})`,
  parameters: (values) => Array.from({ length: LIST_LENGTH }, (_, at) => values[at] ?? null),
}

/** A database of SQLite: one connection writes, another reads, and sees only what is committed. */
export class SqliteEngine implements Engine {
  readonly kind = 'sqlite'
  readonly giveUpMs = 5_000
  readonly #writer: Database.Database
  readonly #reader: Database.Database
  readonly #writing: SqliteExecutor
  readonly #reading: SqliteExecutor
  readonly #disk: Disk
  #feed: ChangeFeed | undefined

  /**
   * @param writer as `openDatabase` has opened it, with all tables
   * @param disk the one under the database, unless it is a test's
   */
  constructor(writer: Database.Database, disk: Disk = diskOf(writer)) {
    this.#writer = writer
    this.#reader = writer.memory ? writer : new Database(writer.name, { readonly: true })
    this.#reader.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`)
    this.#reader.pragma(`cache_size = -${CACHE_KIB}`)
    this.#writing = new SqliteExecutor(writer)
    this.#reading = new SqliteExecutor(this.#reader)
    this.#disk = disk
  }

  get name(): string {
    return this.#writer.name
  }

  readonly configValues: ConfigValues = {
    write: (name: string, value: ConfigRowValue) =>
      typeof value === 'number' && WHOLE_NUMBERS.has(name) ? BigInt(value) : value,
    read: (value: ConfigRowValue) => value,
  }

  readonly lists = LISTS

  async all<Arguments extends readonly unknown[], Row>(
    statement: Statement<Arguments, Row>,
    args: Arguments,
  ): Promise<Row[]> {
    return this.#reading.all(statement, args)
  }

  async run(sql: string, parameters: readonly SqlParameter[]): Promise<RunResult> {
    return this.#reading.run(sql, parameters)
  }

  /** With its journal. */
  async bytes(): Promise<number> {
    return [this.name, `${this.name}-wal`].reduce(
      (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
      0,
    )
  }

  async transaction<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    this.#writer.exec('BEGIN IMMEDIATE')
    const feed = this.#feed
    try {
      feed?.begin()
      const result = await work(this.#writing)
      feed?.seal()
      this.#writer.exec('COMMIT')
      feed?.committed()
      return result
    } catch (error) {
      // Some errors have ended it already.
      if (this.#writer.inTransaction) this.#writer.exec('ROLLBACK')
      feed?.rolledBack()
      throw error
    }
  }

  /** On a connection of its own: the others see what is committed meanwhile. */
  async snapshot<T>(read: (executor: Executor) => Promise<T>): Promise<T> {
    const database = new Database(this.name, { readonly: true })
    try {
      database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`)
      database.exec('BEGIN')
      return await read(new SqliteExecutor(database))
    } finally {
      database.close()
    }
  }

  /** A copy is read while others write: without a write-ahead log they would wait for its end. */
  feed(): ChangeFeed | undefined {
    if (!this.#feed && isWrittenAhead(this.#writer)) {
      const feed = new ChangeFeed(this.#writer)
      this.#feed = feed
      this.#writing.onChange = (sql, values, rows) => feed.ran(sql, values, rows)
    }
    return this.#feed
  }

  sync(): Promise<void> {
    return this.#disk.sync()
  }

  isRetryable(error: unknown): boolean {
    return error instanceof Error && 'code' in error && /^SQLITE_(BUSY|LOCKED)/.test(String(error.code))
  }

  isAway(error: unknown): boolean {
    return this.isRetryable(error) || /^SQLITE_(FULL|READONLY|IOERR|CANTOPEN)/.test(codeOf(error))
  }

  // One process has it.
  async notify(): Promise<void> {}
  async commonTimeMs(): Promise<undefined> {}
  onNotification(): void {}

  async tables(executor: Executor): Promise<string[]> {
    const { rows } = await executor.run("SELECT name FROM sqlite_master WHERE type = 'table'", [])
    return (rows as { name: string }[]).map(({ name }) => name)
  }

  async clear(executor: Executor, table: string): Promise<void> {
    await executor.run(`DELETE FROM ${table}`, [])
  }

  async unguarded(executor: Executor, table: string, write: () => Promise<void>): Promise<void> {
    const { rows } = await executor.run(
      "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?",
      [table],
    )
    const triggers = rows as { name: string; sql: string }[]
    for (const { name } of triggers) await executor.run(`DROP TRIGGER ${name}`, [])
    await write()
    for (const { sql } of triggers) await executor.run(sql, [])
  }

  async damage(executor: Executor): Promise<string[]> {
    const { rows } = await executor.run('PRAGMA integrity_check', [])
    const said = (rows as { integrity_check: string }[]).map((row) => row.integrity_check)
    return said.filter((line) => line !== 'ok')
  }

  async close(): Promise<void> {
    this.#disk[Symbol.dispose]()
    this.#reader.close()
    this.#writer.close()
  }
}

class SqliteExecutor implements Executor {
  readonly #database: Database.Database
  readonly #prepared = new Map<unknown, Database.Statement>()
  /** Hears of each statement that may have changed something, and how many rows it has changed or said. */
  onChange: ((sql: string, values: readonly unknown[], rows: number) => void) | undefined

  constructor(database: Database.Database) {
    this.#database = database
  }

  async all<Arguments extends readonly unknown[], Row>(
    statement: Statement<Arguments, Row>,
    args: Arguments,
  ): Promise<Row[]> {
    return statement.rowsOf(this.#run(statement, statement.sql, statement.bind(args)).rows)
  }

  async run(sql: string, parameters: readonly SqlParameter[]): Promise<RunResult> {
    return this.#run(sql, sql, parameters)
  }

  #run(key: unknown, sql: string, values: readonly unknown[]): RunResult {
    let prepared = this.#prepared.get(key)
    if (!prepared) {
      prepared = this.#database.prepare(sql)
      this.#prepared.set(key, prepared)
    }
    const result = runPrepared(prepared, values)
    if (!prepared.readonly) this.onChange?.(sql, values, result.rows.length + result.changes)
    return result
  }
}

/** Runs a statement, whether it says rows or not. */
export const runPrepared = (prepared: Database.Statement, values: readonly unknown[]): RunResult =>
  prepared.reader
    ? { rows: prepared.all(values), changes: 0 }
    : { rows: [], changes: prepared.run(values).changes }

interface RunResult {
  readonly rows: unknown[]
  readonly changes: number
}
