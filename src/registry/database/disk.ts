import { close, closeSync, fdatasync, openSync } from 'node:fs'
import type { Database } from 'better-sqlite3'

/** Where committed changes end up. */
export interface Disk extends Disposable {
  /** Resolves when everything that was committed before is there, and survives a power cut. */
  sync(): Promise<void>
}

/**
 * The disk under a database, as `openDatabase` has opened it. SQLite waits for it within each commit, and with it
 * everybody who wants an answer; of a write-ahead log only the log must be waited for (sqlite.org/wal.html), which a
 * thread of Node's can do.
 */
export const diskOf = (database: Database): Disk =>
  isWrittenAhead(database) ? new LogDisk(`${database.name}-wal`) : PATIENT

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

  constructor(path: string) {
    this.#path = path
  }

  sync(): Promise<void> {
    if (!this.#running) return this.#begin()
    this.#next ??= this.#running.then(
      () => this.#begin(),
      () => this.#begin(),
    )
    return this.#next
  }

  #begin(): Promise<void> {
    this.#next = undefined
    const running = new Promise<void>((resolve, reject) => {
      this.#file ??= openSync(this.#path, 'r')
      fdatasync(this.#file, (error) => (error ? reject(error) : resolve()))
    }).finally(() => {
      this.#running = undefined
    })
    this.#running = running
    return running
  }

  [Symbol.dispose](): void {
    const file = this.#file
    this.#file = undefined
    if (file === undefined) return
    if (this.#running) this.#running.catch(() => {}).finally(() => close(file))
    else closeSync(file)
  }
}
