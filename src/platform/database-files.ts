import { existsSync, linkSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'

/** What a database of SQLite is in: what it keeps beside the file is of that file, and would be taken for that of another in its place. */
export const DATABASE_ENDINGS = ['-journal', '-wal', '-shm', ''] as const

/** A name that no database has: this one, or this one with a number. */
export function freeDatabaseName(name: string): string {
  for (let number = 1; ; number++) {
    const one = numbered(name, number)
    if (DATABASE_ENDINGS.every((ending) => !existsSync(`${one}${ending}`))) return one
  }
}

/** All that are there of those, the earliest first: somebody may have removed others. */
export function databasesNamed(name: string): string[] {
  if (!existsSync(dirname(name))) return []
  const file = basename(name)
  const numbers = readdirSync(dirname(name)).flatMap((one) =>
    one === file ? 1 : one.startsWith(`${file}.`) ? numberOf(one.slice(file.length + 1)) : [],
  )
  return numbers.sort((one, other) => one - other).map((number) => numbered(name, number))
}

const numbered = (name: string, number: number): string => (number === 1 ? name : `${name}.${number}`)

/** Of the second and those after it; of what else it may be, nothing. */
const numberOf = (ending: string): number | [] =>
  /^([2-9]|[1-9]\d{1,8})$/.test(ending) ? Number(ending) : []

/** Moves a database, with what SQLite keeps beside it. */
export function moveDatabase(from: string, to: string): void {
  for (const ending of DATABASE_ENDINGS)
    if (existsSync(`${from}${ending}`)) renameSync(`${from}${ending}`, `${to}${ending}`)
}

/** Moves a database to the place of another one, of which nothing stays. */
export function replaceDatabase(from: string, to: string): void {
  for (const ending of DATABASE_ENDINGS) if (ending !== '') rmSync(`${to}${ending}`, { force: true })
  moveDatabase(from, to)
}

/**
 * Gives a database another name, so that one which is put in its place leaves no moment without any: it has both names until then, where
 * the file system can do that. What SQLite keeps beside it goes with it.
 */
export function keepDatabase(path: string, kept: string): void {
  for (const ending of DATABASE_ENDINGS)
    if (existsSync(`${path}${ending}`)) {
      if (ending === '') nameAlso(path, kept)
      else renameSync(`${path}${ending}`, `${kept}${ending}`)
    }
}

/**
 * It could not be replaced: it has its one name again. Where something else has that name by now (it was replaced, and what came after
 * failed; or somebody has made one), it stays where it is kept: there is no other.
 */
export function keepNoLonger(path: string, kept: string): void {
  if (existsSync(path) && existsSync(kept) && !isSameFile(path, kept)) return
  for (const ending of DATABASE_ENDINGS)
    if (existsSync(`${kept}${ending}`)) {
      if (!existsSync(`${path}${ending}`)) renameSync(`${kept}${ending}`, `${path}${ending}`)
      else if (ending === '') rmSync(kept)
    }
}

function nameAlso(path: string, other: string): void {
  try {
    linkSync(path, other)
  } catch {
    // A file system without links, or the file of somebody else (protected_hardlinks).
    renameSync(path, other)
  }
}

/** Removes a database, with what SQLite keeps beside it, if it is there. */
export function removeDatabase(path: string): void {
  for (const ending of DATABASE_ENDINGS) rmSync(`${path}${ending}`, { force: true })
}

/** Whether two paths lead to one file. */
export function isSameFile(path: string, other: string): boolean {
  const [one, two] = [path, other].map((name) => statSync(name, { throwIfNoEntry: false }))
  return one !== undefined && one.dev === two?.dev && one.ino === two.ino
}
