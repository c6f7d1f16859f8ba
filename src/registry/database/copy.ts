import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import Database from 'better-sqlite3'
import { Re6stError } from '../../core/errors.ts'
import { isSameFile } from '../../platform/database-files.ts'
import { statIfThere } from '../../platform/files.ts'

/** A new and empty file, into which SQLite writes as into none: for tokens and keys, which nobody else may read. */
export const makePrivateFile = (path: string): void => closeSync(openSync(path, 'wx', 0o600))

/** First octets of a file of SQLite (sqlite.org/fileformat.html, 1.3.1). */
const MAGIC = 'SQLite format 3\0'

/** What SQLite calls the application that a file is of (1.3.17): of backups, which no registry serves with. */
const BACKUP = 0x72653662
const APPLICATION_AT = 68

/** From now on, a file is a backup: another may take its place. */
export const markBackup = (copy: string): void => setApplication(copy, BACKUP)

/** From now on, it is none. */
export const markAsNoBackup = (copy: string): void => setApplication(copy, 0)

/** A backup that is written to is none any more: it may be all that there is. */
export function unmarkBackup(database: Database.Database): void {
  if (database.pragma('application_id', { simple: true }) === BACKUP) database.pragma('application_id = 0')
}

function setApplication(path: string, id: number): void {
  const database = new Database(path)
  try {
    database.pragma(`application_id = ${id}`)
  } finally {
    database.close()
  }
}

/**
 * A copy takes the place of what is there only if that is another copy: a key that is named by mistake is not lost, and a database in
 * use does not go on in a file that has no name any more.
 * @param database what is to be copied
 * @throws Re6stError `FILE` with what to do
 */
export function insistOnCopy(database: string, copy: string): void {
  const there = statIfThere(copy)
  if (!there) return
  const why = isSameFile(database, copy)
    ? 'is the database itself: give another name'
    : !there.isFile()
      ? 'is no file: give the name of one'
      : ['-wal', '.socket'].some((beside) => existsSync(`${copy}${beside}`))
        ? 'is a database that is in use, and not replaced: give another name'
        : there.size > 0 && !isBackup(copy)
          ? 'is no backup, or one of an older version, and not replaced: give another name, or remove it'
          : undefined
  if (why !== undefined) throw new Re6stError('FILE', `${copy}: ${why}`)
}

function isBackup(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const header = Buffer.alloc(APPLICATION_AT + 4)
    return (
      readSync(file, header) === header.length &&
      header.toString('latin1', 0, MAGIC.length) === MAGIC &&
      header.readUInt32BE(APPLICATION_AT) === BACKUP
    )
  } finally {
    closeSync(file)
  }
}
