import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import Database from 'better-sqlite3'

/** A new and empty file, into which SQLite writes as into none: for tokens and keys, which nobody else may read. */
export const makePrivateFile = (path: string): void => closeSync(openSync(path, 'wx', 0o600))

/**
 * Copies a database as a whole or not at all: a copy that a crash cut off would be taken for one.
 * @param change is done in the copy before it is there
 */
export function copyTo(
  database: Database.Database,
  copy: string,
  change?: (copied: Database.Database) => void,
): void {
  const temporary = `${copy}.new`
  rmSync(temporary, { force: true })
  makePrivateFile(temporary)
  database.prepare('VACUUM INTO ?').run(temporary)
  if (change) {
    const copied = new Database(temporary)
    try {
      change(copied)
    } finally {
      copied.close()
    }
  }
  const file = openSync(temporary, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, copy)
}
