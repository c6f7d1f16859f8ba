import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs'
import type Database from 'better-sqlite3'
import { Re6stError } from '../../core/errors.ts'

/** A new and empty file, into which SQLite writes as into none: for tokens and keys, which nobody else may read. */
export const makePrivateFile = (path: string): void => closeSync(openSync(path, 'wx', 0o600))

/** First octets of a file of SQLite (sqlite.org/fileformat.html, 1.3.1). */
const MAGIC = 'SQLite format 3\0'

/**
 * A copy takes the place of what is there only if that is another copy: a key that is named by mistake is not lost, and a database in
 * use does not go on in a file that has no name any more.
 * @param database what is to be copied
 * @throws Re6stError `FILE` with what to do
 */
export function insistOnCopy(database: string, copy: string): void {
  const there = statSync(copy, { throwIfNoEntry: false })
  if (!there) return
  const own = statSync(database, { throwIfNoEntry: false })
  const why =
    own?.dev === there.dev && own.ino === there.ino
      ? 'is the database itself: give another name'
      : !there.isFile()
        ? 'is no file: give the name of one'
        : there.size > 0 && !hasMagic(copy)
          ? 'is no backup, and not replaced: give another name'
          : existsSync(`${copy}-wal`)
            ? 'is a database that is in use, and not replaced: give another name'
            : undefined
  if (why !== undefined) throw new Re6stError('FILE', `${copy}: ${why}`)
}

function hasMagic(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const octets = Buffer.alloc(MAGIC.length)
    return readSync(file, octets) === octets.length && octets.toString('latin1') === MAGIC
  } finally {
    closeSync(file)
  }
}

/** Copies a database as a whole or not at all: a copy that a crash cut off would be taken for one. */
export function copyTo(database: Database.Database, copy: string): void {
  copyBeside(database, copy)
  putInPlace(copy)
}

/** Copies a database to what `putInPlace` makes the copy; it can be changed before. @returns its path */
export function copyBeside(database: Database.Database, copy: string): string {
  const temporary = besideOf(copy)
  makePrivateFile(temporary)
  try {
    database.prepare('VACUUM INTO ?').run(temporary)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  return temporary
}

/** Where a copy is made; what a crash has left there is gone. */
export function besideOf(copy: string): string {
  const temporary = `${copy}.new`
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(`${temporary}${suffix}`, { force: true })
  return temporary
}

/** The copy beside is the copy: it is on the disk. */
export function putInPlace(copy: string): void {
  const temporary = `${copy}.new`
  try {
    const file = openSync(temporary, 'r')
    try {
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, copy)
  } catch (error) {
    // Keys are in it: it is not left where nobody looks for it.
    rmSync(temporary, { force: true })
    throw error
  }
}
