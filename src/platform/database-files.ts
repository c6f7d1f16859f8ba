import { existsSync, renameSync, rmSync } from 'node:fs'

/** What a database of SQLite is in: what it keeps beside the file is of that file, and would be taken for that of another in its place. */
export const DATABASE_ENDINGS = ['-journal', '-wal', '-shm', ''] as const

/** Moves a database, with what SQLite keeps beside it. */
export function moveDatabase(from: string, to: string): void {
  for (const ending of DATABASE_ENDINGS)
    if (existsSync(`${from}${ending}`)) renameSync(`${from}${ending}`, `${to}${ending}`)
}

/** Removes a database, with what SQLite keeps beside it, if it is there. */
export function removeDatabase(path: string): void {
  for (const ending of DATABASE_ENDINGS) rmSync(`${path}${ending}`, { force: true })
}
