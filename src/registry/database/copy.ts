import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import type Database from 'better-sqlite3'

/** A new and empty file, into which SQLite writes as into none: for tokens and keys, which nobody else may read. */
export const makePrivateFile = (path: string): void => closeSync(openSync(path, 'wx', 0o600))

/** Copies a database as a whole or not at all: a copy that a crash cut off would be taken for one. */
export function copyTo(database: Database.Database, copy: string): void {
  copyBeside(database, copy)
  putInPlace(copy)
}

/** Copies a database to what `putInPlace` makes the copy; it can be changed before. @returns its path */
export function copyBeside(database: Database.Database, copy: string): string {
  const temporary = besideOf(copy)
  makePrivateFile(temporary)
  database.prepare('VACUUM INTO ?').run(temporary)
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
  const file = openSync(temporary, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, copy)
}
