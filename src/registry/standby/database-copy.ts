import { randomBytes } from 'node:crypto'
import { createReadStream, readdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import type { Position } from '../../core/standby/messages.ts'
import { readPosition } from '../database/change-feed.ts'
import { makePrivateFile } from '../database/copy.ts'

/** Pages that are copied at a time: others are served between. */
const PAGES = 500
const PART_LENGTH = 256 * 1024
const SUFFIX = '.for-standby-'

/** Removes what a process has left that was killed meanwhile. */
export function removeOldCopies(path: string): void {
  const directory = dirname(path)
  for (const name of readdirSync(directory))
    if (name.startsWith(`${basename(path)}${SUFFIX}`)) rmSync(join(directory, name), { force: true })
}

/** A copy of a database that is served, as it was at one moment: a file of its own until it is disposed of. */
export class DatabaseCopy implements Disposable {
  readonly position: Position
  readonly length: number
  readonly #path: string

  private constructor(path: string) {
    this.#path = path
    const copy = new Database(path, { readonly: true })
    this.position = readPosition(copy)
    copy.close()
    this.length = statSync(path).size
  }

  /** @throws what SQLite or the file system says */
  static async of(path: string): Promise<DatabaseCopy> {
    // The one before may not be ended yet, when the standby connects anew.
    const temporary = `${path}${SUFFIX}${randomBytes(4).toString('hex')}`
    const database = new Database(path, { readonly: true })
    try {
      makePrivateFile(temporary)
      // What it has read within a transaction stays as it is for it: nothing is copied twice.
      database.exec('BEGIN')
      readPosition(database)
      await database.backup(temporary, { progress: () => PAGES })
      return new DatabaseCopy(temporary)
    } catch (error) {
      remove(temporary)
      throw error
    } finally {
      database.close()
    }
  }

  parts(): AsyncIterable<Buffer> {
    return createReadStream(this.#path, { highWaterMark: PART_LENGTH })
  }

  [Symbol.dispose](): void {
    remove(this.#path)
  }
}

function remove(path: string): void {
  for (const file of [path, `${path}-journal`, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true })
}
