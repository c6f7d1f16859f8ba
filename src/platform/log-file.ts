import { appendFileSync, closeSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeDirectoriesSync } from './files.ts'

const STANDARD_ERROR = 2
/** Logs name peers and their addresses: they are for root and a group of administrators, whatever the umask. */
const LOG_MODE = 0o640

/**
 * Where log lines are appended, one system call for each: nothing is lost in a crash, and a node logs little. What
 * cannot be written is lost and counted, for a full disk must not end the process; pino's own destination would keep
 * the first lines of that time and not try again.
 */
export class LogFile {
  readonly #path: string | undefined
  #fd = STANDARD_ERROR
  #lost = 0
  /** The last line was cut off by the end of the disk. */
  #isHalf = false

  /** @param path undefined: standard error @throws what the file system says */
  constructor(path: string | undefined) {
    this.#path = path
    this.#fd = openAt(path)
  }

  /** Appends a line, with its end. @returns how many lines were lost before it, since the last one that was written */
  append(line: string): number {
    const bytes = Buffer.from(this.#isHalf ? `\n${line}` : line)
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written)
    } catch {
      this.#isHalf ||= written > 0
      this.#lost += 1
      return 0
    }
    this.#isHalf = false
    const lost = this.#lost
    this.#lost = 0
    return lost
  }

  /** Opens the file anew. @throws what the file system says: then it goes on with the old one */
  reopen(): void {
    const old = this.#fd
    this.#fd = openAt(this.#path)
    if (old !== STANDARD_ERROR) closeSync(old)
  }
}

function openAt(path: string | undefined): number {
  if (path === undefined) return STANDARD_ERROR
  makeDirectoriesSync(dirname(path))
  return openSync(path, 'a', LOG_MODE)
}

/** Appends a line to a log that logrotate may move: it is opened for each of its few lines. @throws what the file system says */
export const appendLogLine = (path: string, line: string): void =>
  appendFileSync(path, `${line}\n`, { mode: LOG_MODE })
