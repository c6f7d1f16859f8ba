import Database from 'better-sqlite3'
import { messageOf, Re6stError } from '../../core/errors.ts'

/** Everything is in the one file then. @throws Re6stError `FILE` when somebody has it open, or it is damaged */
export function endLog(path: string): void {
  const database = new Database(path)
  try {
    // Of a write-ahead log, only who is alone can end it (sqlite.org/wal.html).
    database.pragma('journal_mode = DELETE')
    database.exec('BEGIN EXCLUSIVE; COMMIT')
  } catch (error) {
    throw refusal(path, error)
  } finally {
    database.close()
  }
}

/**
 * Keeps everybody else from a database, whose log is ended, until it is closed. Who opens it meanwhile, and waits, cannot change it
 * when it has another name then: SQLite sees that.
 * @returns undefined: it is damaged so that nobody can use it
 * @throws Re6stError `FILE` when somebody has it open
 */
export function holdAlone(path: string): Database.Database | undefined {
  try {
    endLog(path)
  } catch (error) {
    if (error instanceof Re6stError && hasCode(error.cause, /^SQLITE_(NOTADB|CORRUPT)/)) return undefined
    throw error
  }
  const database = new Database(path)
  try {
    database.pragma('locking_mode = EXCLUSIVE')
    database.exec('BEGIN EXCLUSIVE; COMMIT')
    if (database.pragma('journal_mode', { simple: true }) !== 'delete')
      throw new Re6stError('FILE', `--db ${path}: stop the registry first: it has just been started`)
    return database
  } catch (error) {
    database.close()
    throw error instanceof Re6stError ? error : refusal(path, error)
  }
}

const refusal = (path: string, error: unknown): Re6stError =>
  new Re6stError(
    'FILE',
    `--db ${path}: ${hasCode(error, /^SQLITE_(BUSY|LOCKED)/) ? 'stop the registry first: ' : ''}${messageOf(error)}`,
    { cause: error },
  )

const hasCode = (error: unknown, code: RegExp): boolean =>
  error instanceof Database.SqliteError && code.test(error.code)
