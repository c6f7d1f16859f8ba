import { copyFileSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { nameAlsoSync, statIfThere, syncSync } from './files.ts'

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
  if (statIfThere(dirname(name))?.isDirectory() !== true) return []
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

/**
 * Moves a database, with what SQLite keeps beside it. A log has both names until its database has the other one: whoever is killed at
 * whatever step leaves none without its log. What stands beside no database is moved, too.
 */
export function moveDatabase(from: string, to: string): void {
  const logs = LOG_ENDINGS.filter((ending) => existsSync(`${from}${ending}`))
  // What is left there would be taken for that of the one that comes.
  for (const ending of BESIDE_ENDINGS) rmSync(`${to}${ending}`, { force: true })
  if (!existsSync(from)) {
    for (const ending of logs) renameSync(`${from}${ending}`, `${to}${ending}`)
    return
  }
  // Nor may the one that is there be taken for that of these logs.
  if (logs.length > 0) rmSync(to, { force: true })
  for (const ending of logs) nameCopySync(`${from}${ending}`, `${to}${ending}`)
  renameSync(from, to)
  // Shared memory is made anew of the log.
  for (const ending of BESIDE_ENDINGS) rmSync(`${from}${ending}`, { force: true })
}

/** What stands beside the file of a database. */
const BESIDE_ENDINGS = DATABASE_ENDINGS.filter((ending) => ending !== '')
/** What is lost with it that was committed, or would have to be rolled back. */
const LOG_ENDINGS = ['-journal', '-wal'] as const

/**
 * Gives a database another name, so that one which is put in its place leaves no moment without any: it has both names until then, where
 * the file system can do that. One that has a log, since it is damaged or was not closed, moves there with it: it can have but one log,
 * and so but one name.
 */
export function keepDatabase(path: string, kept: string): void {
  if (!existsSync(path) || LOG_ENDINGS.some((ending) => existsSync(`${path}${ending}`)))
    moveDatabase(path, kept)
  else nameAlsoSync(path, kept, () => renameSync(path, kept))
}

/**
 * It could not be replaced: it has its one name again. Where something else has that name by now (it was replaced, and what came after
 * failed; or somebody has made one), it stays where it is kept: there is no other.
 */
export function keepNoLonger(path: string, kept: string): void {
  if (!existsSync(path)) moveDatabase(kept, path)
  else if (isSameFile(path, kept)) rmSync(kept)
  else if (!existsSync(kept))
    // Only its logs have got there, and have both names.
    for (const ending of LOG_ENDINGS)
      if (existsSync(`${path}${ending}`)) rmSync(`${kept}${ending}`, { force: true })
}

/** A copy, where it can have but one name. */
function nameCopySync(path: string, other: string): void {
  nameAlsoSync(path, other, () => {
    copyFileSync(path, other)
    syncSync(other)
  })
}

/** Removes a database, with what SQLite keeps beside it, if it is there. */
export function removeDatabase(path: string): void {
  for (const ending of DATABASE_ENDINGS) rmSync(`${path}${ending}`, { force: true })
}

/** Whether two paths lead to one file. */
export function isSameFile(path: string, other: string): boolean {
  const [one, two] = [path, other].map(statIfThere)
  return one !== undefined && one.dev === two?.dev && one.ino === two.ino
}
