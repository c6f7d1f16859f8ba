import Database from 'better-sqlite3'
import { messageOf, Re6stError } from '../../core/errors.ts'

/** Everything is in the one file then. @throws Re6stError `FILE` when somebody has it open */
export function endLog(path: string): void {
  const database = new Database(path)
  try {
    // Of a write-ahead log, only who is alone can end it (sqlite.org/wal.html).
    database.pragma('journal_mode = DELETE')
    database.exec('BEGIN EXCLUSIVE; COMMIT')
  } catch (error) {
    throw new Re6stError('FILE', `--db ${path}: stop the registry first: ${messageOf(error)}`, {
      cause: error,
    })
  } finally {
    database.close()
  }
}
