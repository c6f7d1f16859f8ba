import { existsSync, rmSync } from 'node:fs'
import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import type { Change, Position } from '../../core/standby/messages.ts'
import { readPosition } from '../database/change-feed.ts'
import { asGiven } from '../database/changed-values.ts'
import { openDatabase } from '../database/database.ts'
import { type Disk, diskOf } from '../database/disk.ts'
import { runPrepared } from '../database/sqlite-engine.ts'

/** Texts of statements that are kept prepared. */
const MAX_PREPARED = 500

/** The database of a standby: the same as the primary's at some moment, and brought up to date by its changes. */
export class FollowedDatabase implements Disposable {
  readonly #path: string
  readonly #onBroken: ((error: Error) => void) | undefined
  #database: Database.Database | undefined
  #disk: Disk | undefined
  readonly #prepared = new Map<string, Database.Statement>()
  /** Changes when somebody else changes the database. */
  #dataVersion: unknown

  /**
   * @param onBroken the disk has failed: nothing more can be stored, and the process must end
   * @throws Re6stError `FILE` when what is there is no registry's database
   */
  constructor(path: string, onBroken?: (error: Error) => void) {
    this.#path = path
    this.#onBroken = onBroken
    if (existsSync(path)) this.#open()
  }

  /** How far it is; undefined: there is nothing yet. */
  get position(): Position | undefined {
    return this.#database && readPosition(this.#database)
  }

  get epoch(): number {
    return this.#database?.prepare<[], number>('SELECT epoch FROM replication').pluck().get() ?? 0
  }

  /** Whether the primary gives nothing that is not stored here, as far as is known here. */
  isRegisteredAs(id: string): boolean {
    return this.#database?.prepare('SELECT standby FROM replication').pluck().get() === id
  }

  /** Whether a node has a certificate. */
  hasNode(prefix: string): boolean {
    const row = this.#database
      ?.prepare('SELECT 1 FROM holder WHERE prefix = ? AND reason IS NULL')
      .get(prefix)
    return row !== undefined
  }

  /**
   * Makes a change, unless it was made already.
   * @returns whether that was possible: not where one before it is missing
   * @throws when it does something else here than at the primary: a copy is needed
   */
  apply({ number, statements }: Change): boolean {
    const database = this.#database
    if (!database) return false
    return database
      .transaction(() => {
        if (dataVersionOf(database) !== this.#dataVersion)
          throw new Error('another program has changed the database of the standby')
        const present = readPosition(database).number
        if (number <= present) return true
        if (number > present + 1) return false
        for (const { sql, values, rows } of statements) {
          const { rows: said, changes } = runPrepared(this.#prepare(database, sql), values.map(asGiven))
          if (said.length + changes !== rows)
            throw new Error(
              `a statement has changed ${said.length + changes} rows instead of ${rows}: ${sql}`,
            )
        }
        database.prepare('UPDATE replication SET number = ?').run(number)
        return true
      })
      .immediate()
  }

  /** Resolves when everything that was made up to now survives a power cut. */
  sync(): Promise<void> {
    return this.#disk?.sync() ?? Promise.resolve()
  }

  /** Begins to take a copy of the primary's database. */
  async beginCopy(position: Position, length: number): Promise<IncomingCopy> {
    return new IncomingCopy(await open(this.#copyPath, 'w', 0o600), position, length)
  }

  /** A complete copy takes the place of what is there: as a whole, or not at all. @throws when it is not what was announced */
  async take({ file, position }: IncomingCopy): Promise<void> {
    await file.sync()
    await file.close()
    const copy = new Database(this.#copyPath, { readonly: true })
    const { generation, number } = readPosition(copy)
    copy.close()
    removeLogs(this.#copyPath)
    if (generation !== position.generation || number !== position.number)
      throw new Error('the copy is not the one that was announced')
    this.#close()
    // Of the one before: SQLite would take it for that of the new one.
    removeLogs(this.#path)
    await rename(this.#copyPath, this.#path)
    const directory = await open(dirname(this.#path), 'r')
    await directory.sync()
    await directory.close()
    this.#open()
  }

  get #copyPath(): string {
    return `${this.#path}.from-primary`
  }

  #prepare(database: Database.Database, sql: string): Database.Statement {
    const known = this.#prepared.get(sql)
    if (known) return known
    if (this.#prepared.size >= MAX_PREPARED) this.#prepared.clear()
    const prepared = database.prepare(sql)
    this.#prepared.set(sql, prepared)
    return prepared
  }

  #open(): void {
    this.#database = openDatabase(this.#path)
    this.#disk = diskOf(this.#database, this.#onBroken)
    this.#dataVersion = dataVersionOf(this.#database)
  }

  /** @throws when somebody else reads it: what is in its log would be lost if this machine went down right after */
  #close(): void {
    const [result] = (this.#database?.pragma('wal_checkpoint(TRUNCATE)') ?? []) as { busy: number }[]
    if (result?.busy === 1) throw new Error('another program reads the database')
    this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.#prepared.clear()
    this.#disk?.[Symbol.dispose]()
    this.#database?.close()
    this.#database = undefined
    this.#disk = undefined
  }
}

/** A copy that arrives in parts. */
export class IncomingCopy {
  readonly file: FileHandle
  readonly position: Position
  #missing: number

  constructor(file: FileHandle, position: Position, length: number) {
    this.file = file
    this.position = position
    this.#missing = length
  }

  get isComplete(): boolean {
    return this.#missing === 0
  }

  /** @throws when it cannot be written, or is longer than was announced */
  async add(part: Buffer): Promise<void> {
    if (part.length > this.#missing) throw new Error('the copy is longer than was announced')
    await this.file.writeFile(part)
    this.#missing -= part.length
  }
}

const dataVersionOf = (database: Database.Database): unknown =>
  database.pragma('data_version', { simple: true })

function removeLogs(path: string): void {
  for (const file of [`${path}-wal`, `${path}-shm`]) rmSync(file, { force: true })
}
