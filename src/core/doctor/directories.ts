import type { Finding } from './finding.ts'

/** A directory that the node writes to, or the nearest one above that is there. */
export interface DirectoryFacts {
  /** The option that names it. */
  readonly option: string
  readonly path: string
  /** Why it cannot be written to; undefined: it can. */
  readonly obstacle: string | undefined
  /** For who may not use the reserve; undefined: not known. */
  readonly freeBytes: number | undefined
  /** Files that can still be made; undefined: not known, or without a limit. */
  readonly freeFiles: number | undefined
}

/** A cache, a log for some days; below this, SQLite soon fails. */
const LEAST_BYTES = 1 << 20
const LEAST_FILES = 16

/** Judges where the node keeps its state, logs and sockets. */
export const judgeDirectories = (directories: readonly DirectoryFacts[]): Finding[] =>
  directories.flatMap(({ option, path, obstacle, freeBytes, freeFiles }): Finding[] => {
    if (obstacle !== undefined)
      return [
        {
          code: 'directory-not-usable',
          what: `${option} ${path}: ${obstacle}`,
          remedy: `make it a directory that root can write to, on a file system that is not read-only, or give another ${option}`,
        },
      ]
    const left =
      freeBytes !== undefined && freeBytes < LEAST_BYTES
        ? `${Math.floor(freeBytes / 1024)} KiB are`
        : freeFiles !== undefined && freeFiles < LEAST_FILES
          ? `${freeFiles} files (inodes) are`
          : undefined
    if (left === undefined) return []
    return [
      {
        code: 'no-space',
        what: `${option} ${path}: only ${left} left on its file system`,
        remedy:
          'remove what is not needed (journalctl --vacuum-size, apt-get clean, old logs), or enlarge it',
      },
    ]
  })
