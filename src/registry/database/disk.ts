import { close, closeSync, fdatasync, openSync } from 'node:fs'
import type { Database } from 'better-sqlite3'
import { messageOf, Re6stError } from '../../core/errors.ts'

/** Where committed changes end up. */
export interface Disk extends Disposable {
  /** Resolves when everything that was committed before is there, and survives a power cut. */
  sync(): Promise<void>
}

/**
 * The disk under a database, as `openDatabase` has opened it. SQLite waits for it within each commit, and with it
 * everybody who wants an answer; of a write-ahead log only the log must be waited for (sqlite.org/wal.html), which a
 * thread of Node's can do.
 * @param onBroken it has failed once, and is not waited for again: the process must end
 * @param syncFile the system's, unless it is a test's
 */
export const diskOf = (
  database: Database,
  onBroken: (error: Error) => void = () => {},
  syncFile: SyncFile = fdatasync,
): Disk => (isWrittenAhead(database) ? new LogDisk(`${database.name}-wal`, onBroken, syncFile) : PATIENT)

/** As `fdatasync` of Node. */
type SyncFile = (file: number, done: (error: Error | null) => void) => void

/** Whether a power cut takes what was committed last, unless it is waited for: else SQLite waits itself. */
export const isWrittenAhead = (database: Database): boolean =>
  database.pragma('journal_mode', { simple: true }) === 'wal'

const PATIENT: Disk = { sync: () => Promise.resolve(), [Symbol.dispose]: () => {} }

class LogDisk implements Disk {
  readonly #path: string
  /** SQLite keeps one file for as long as the database is open. Its locks are on other files: to close this one ends none. */
  #file: number | undefined
  #running: Promise<void> | undefined
  /** For what was committed since that one began: one for all. */
  #next: Promise<void> | undefined
  readonly #onBroken: (error: Error) => void
  readonly #syncFile: SyncFile
  #failure: Error | undefined

  constructor(path: string, onBroken: (error: Error) => void, syncFile: SyncFile) {
    this.#path = path
    this.#onBroken = onBroken
    this.#syncFile = syncFile
  }

  sync(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (!this.#running) return this.#begin()
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    )
    return this.#next
  }

  #begin(): Promise<void> {
    this.#next = undefined
    if (this.#failure) return Promise.reject(this.#failure)
    const running = new Promise<void>((resolve, reject) => {
      this.#file ??= openSync(this.#path, 'r')
      this.#syncFile(this.#file, (error) => (error ? reject(this.#broken(error)) : resolve()))
    }).finally(() => {
      this.#running = undefined
    })
    this.#running = running
    return running
  }

  /**
   * The kernel tells it once, and drops what it could not write: of a log with a gap, all that comes after is lost with the power, and
   * the next attempt would succeed.
   */
  #broken(error: Error): Error {
    if (!this.#failure) {
      this.#failure = new Re6stError(
        'SYSTEM',
        `${this.#path}: the disk cannot be written (${messageOf(error)}): nothing is acknowledged until the registry is started again`,
        { cause: error },
      )
      this.#onBroken(this.#failure)
    }
    return this.#failure
  }

  [Symbol.dispose](): void {
    const file = this.#file
    this.#file = undefined
    if (file === undefined) return
    if (this.#running) this.#running.catch(() => {}).finally(() => close(file))
    else closeSync(file)
  }
}
