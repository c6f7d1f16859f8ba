import { existsSync, linkSync, renameSync, rmSync } from 'node:fs'

/** What a database of SQLite is in: what it keeps beside the file is of that file, and would be taken for that of another in its place. */
export const DATABASE_ENDINGS = ['-journal', '-wal', '-shm', ''] as const

/** A name that no database has: this one, or this one with a number. */
export function freeDatabaseName(name: string): string {
  for (const one of numbered(name))
    if (DATABASE_ENDINGS.every((ending) => !existsSync(`${one}${ending}`))) return one
  throw new Error('there is always another name')
}

/** All that are there of those, the earliest first. */
export function databasesNamed(name: string): string[] {
  const found: string[] = []
  for (const one of numbered(name)) {
    if (!existsSync(one)) break
    found.push(one)
  }
  return found
}

function* numbered(name: string): Generator<string, never> {
  yield name
  for (let number = 2; ; number++) yield `${name}.${number}`
}

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

/** It could not be replaced: it has its one name again. */
export function keepNoLonger(path: string, kept: string): void {
  for (const ending of DATABASE_ENDINGS)
    if (existsSync(`${kept}${ending}`)) {
      if (existsSync(`${path}${ending}`)) rmSync(`${kept}${ending}`)
      else renameSync(`${kept}${ending}`, `${path}${ending}`)
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
