import { existsSync, rmSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { codeOf, messageOf, nameTroubleOf, Re6stError } from '../../core/errors.ts'
import { removeDatabase } from '../../platform/database-files.ts'
import { keepOwnerSync, putInPlaceSync } from '../../platform/files.ts'
import { makePrivateFile, markAsNoBackup } from './copy.ts'

/** Names that nobody else gives to a file: what has them is removed. */
const NEW = '.re6st-new'
const LOCK = '.re6st-new-lock'

/**
 * A place beside a file, where what is to take its place is made: as a whole or not at all, for a copy that a crash cut off would be
 * taken for one. It is nobody else's until it is disposed of.
 */
export class Beside implements Disposable {
  /** Nothing is there at first. */
  readonly path: string
  readonly #target: string
  readonly #lock: Database.Database

  private constructor(target: string, lock: Database.Database) {
    this.path = `${target}${NEW}`
    this.#target = target
    this.#lock = lock
  }

  /**
   * What a crash has left there is gone.
   * @param waitMs how long another process may take that makes something there
   * @throws Re6stError `FILE` when it takes longer, or nobody can make anything there
   */
  static of(target: string, waitMs = 0): Beside {
    try {
      const beside = new Beside(target, lockOf(target, waitMs))
      try {
        removeDatabase(beside.path)
        return beside
      } catch (error) {
        beside[Symbol.dispose]()
        throw error
      }
    } catch (error) {
      throw error instanceof Re6stError
        ? error
        : new Re6stError('FILE', `${target}: nothing can be written beside it: ${nameTroubleOf(error)}`, {
            cause: error,
          })
    }
  }

  /** Makes an empty file there, which only who has the other one can read. */
  makeFile(): void {
    makePrivateFile(this.path)
    keepOwnerSync(this.#target, this.path)
  }

  /** Copies a database to there; it can be changed before it is put in place. */
  copy(database: Database.Database): void {
    this.makeFile()
    database.prepare('VACUUM INTO ?').run(this.path)
    // What is copied may be a backup: the copy is none, unless it is marked.
    markAsNoBackup(this.path)
  }

  /** What is beside takes the place: it survives a power cut. */
  putInPlace(): void {
    putInPlaceSync(this.path, this.#target)
  }

  [Symbol.dispose](): void {
    // Keys are in it: it is not left where nobody looks for it.
    removeDatabase(this.path)
    unlock(this.#target, this.#lock)
  }
}

/** Copies a database as a whole or not at all. */
export function copyTo(database: Database.Database, copy: string): void {
  using beside = Beside.of(copy)
  beside.copy(database)
  beside.putInPlace()
}

/** The same, once: another process may be the one that does it. */
export function copyOnce(database: Database.Database, copy: string): void {
  if (existsSync(copy)) return
  using beside = Beside.of(copy, COPY_WAIT_MS)
  if (existsSync(copy)) return
  beside.copy(database)
  beside.putInPlace()
}

const COPY_WAIT_MS = 60_000

/** Keeps all others from making something beside any of some files, until it is disposed of. @throws Re6stError `FILE` when one does; what the file system says */
export function lockBeside(targets: readonly string[]): Disposable {
  const locks = new Map<string, Database.Database>()
  const held = {
    [Symbol.dispose]: () => {
      for (const [target, lock] of locks) unlock(target, lock)
    },
  }
  try {
    for (const target of targets) locks.set(target, lockOf(target, 0))
    return held
  } catch (error) {
    held[Symbol.dispose]()
    throw error
  }
}

function unlock(target: string, lock: Database.Database): void {
  rmSync(`${target}${LOCK}`, { force: true })
  lock.close()
}

/** The kernel ends it with the process. */
function lockOf(target: string, waitMs: number): Database.Database {
  const path = `${target}${LOCK}`
  for (;;) {
    makePrivateLock(path)
    const there = statSync(path, { throwIfNoEntry: false })
    const lock = lockedOrWhy(path, waitMs)
    // Else it was that of one which has just come to its end: nobody else sees it any more.
    if (there !== undefined && statSync(path, { throwIfNoEntry: false })?.ino === there.ino) {
      if (!(lock instanceof Error)) return lock
      // Left where it is: another process may have it.
      if (!/^SQLITE_(BUSY|LOCKED)/.test(codeOf(lock))) throw lock
      throw new Re6stError('FILE', `${target}: another process is writing it: try again when that is done`, {
        cause: lock,
      })
    }
    if (!(lock instanceof Error)) lock.close()
  }
}

function lockedOrWhy(path: string, waitMs: number): Database.Database | Error {
  let lock: Database.Database | undefined
  try {
    lock = new Database(path, { timeout: waitMs })
    // Nothing is written: a full disk keeps nobody from it.
    lock.pragma('journal_mode = MEMORY')
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock?.close()
    return error instanceof Error ? error : new Error(messageOf(error))
  }
}

function makePrivateLock(path: string): void {
  try {
    makePrivateFile(path)
  } catch (error) {
    // It is there: of another process, or of a killed one.
    if (codeOf(error) !== 'EEXIST') throw error
  }
}
