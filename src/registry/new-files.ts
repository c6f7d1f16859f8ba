import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { codeOf } from '../core/errors.ts'
import { makeDirectoriesSync, nameAlsoSync, syncSync } from '../platform/files.ts'
import { lockBeside } from './database/beside.ts'

/** A file that is to be written. */
export interface NewFile {
  readonly file: string
  readonly content: string
  readonly mode: number
}

/** Where each is written first: a name that nobody else gives to a file. */
const stagedOf = (path: string): string => `${path}.re6st-new`

/**
 * New files that belong together. The last one gets its name last, and at once: it is there only with all others. What was killed
 * before is undone by the next who makes the same; what was killed after has but names to be removed. Until it is disposed of, nobody
 * else makes any of them.
 */
export class NewFiles implements Disposable {
  readonly #others: readonly string[]
  readonly #last: string
  readonly #lock: Disposable
  /** Names that were given here, before the last one has its own. */
  #named: string[] = []

  private constructor(others: readonly string[], last: string, lock: Disposable) {
    this.#others = others
    this.#last = last
    this.#lock = lock
  }

  /**
   * Makes their directories, and undoes what was killed.
   * @param last the file without which the others are of no use
   * @throws Re6stError `FILE` when another process makes them; what the file system says
   */
  static of(others: readonly string[], last: string): NewFiles {
    for (const path of [...others, last]) makeDirectoriesSync(dirname(path))
    const files = new NewFiles(others, last, lockBeside([...others, last]))
    try {
      files.#undo()
      return files
    } catch (error) {
      files.#lock[Symbol.dispose]()
      throw error
    }
  }

  /** Writes them where nobody looks for them: they survive a power cut. @throws what the file system says */
  write(files: readonly NewFile[]): void {
    for (const { file, content, mode } of files) writeNew(stagedOf(file), content, mode)
  }

  /** Gives them their names. @throws what the file system says: `EEXIST` with the path that something has already */
  place(): void {
    for (const path of this.#others) {
      nameNew(path)
      this.#named.push(path)
    }
    if (existsSync(this.#last)) throw existing(this.#last)
    this.#sync()
    renameSync(stagedOf(this.#last), this.#last)
    this.#named = []
    this.#sync()
  }

  #sync(): void {
    for (const directory of new Set([...this.#others, this.#last].map((path) => dirname(path))))
      syncSync(directory)
  }

  /**
   * As long as the last one has not its name, nobody uses the others. Where somebody has given it the name, or a backup has brought back
   * what was beside it, they are in use: only what was named here goes.
   */
  #undo(): void {
    const isUnused = existsSync(stagedOf(this.#last)) && !existsSync(this.#last)
    for (const path of this.#others)
      if ((isUnused || this.#named.includes(path)) && isBegun(path)) rmSync(path)
    for (const path of [...this.#others, this.#last]) rmSync(stagedOf(path), { force: true })
  }

  [Symbol.dispose](): void {
    this.#undo()
    this.#lock[Symbol.dispose]()
  }
}

/** Undoes what was killed, where something was. @throws as `NewFiles.of` */
export function undoNewFiles(others: readonly string[], last: string): void {
  if (![...others, last].some((path) => existsSync(stagedOf(path)))) return
  NewFiles.of(others, last)[Symbol.dispose]()
}

/** Whether it is the file that was written, or the beginning of it. */
const isBegun = (path: string): boolean =>
  existsSync(path) &&
  existsSync(stagedOf(path)) &&
  readFileSync(stagedOf(path), 'utf8').startsWith(readFileSync(path, 'utf8'))

function nameNew(path: string): void {
  const staged = stagedOf(path)
  nameAlsoSync(staged, path, (error) => {
    if (codeOf(error) === 'EEXIST') throw existing(path)
    writeNew(path, readFileSync(staged, 'utf8'), statSync(staged).mode & 0o777)
  })
}

function writeNew(path: string, content: string, mode: number): void {
  const file = openSync(path, 'wx', mode)
  try {
    writeFileSync(file, content)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

const existing = (path: string): Error =>
  Object.assign(new Error(`EEXIST: ${path} exists`), { code: 'EEXIST', path })
