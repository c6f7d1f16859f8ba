import { existsSync } from 'node:fs'
import { Re6stError } from '../../core/errors.ts'
import { databasesNamed, freeDatabaseName, isSameFile } from '../../platform/database-files.ts'

/** What was there before a restore: the first may be the only one that is whole, and another does not take its place. */
const nameOf = (path: string): string => `${path}.before-restore`

/** The first name that nothing has. */
export const nameForBefore = (path: string): string => freeDatabaseName(nameOf(path))

/** All that there are, the earliest first. */
export const allBefore = (path: string): readonly string[] => databasesNamed(nameOf(path))

/**
 * Nobody begins a new database where a restore was cut off, in the moment in which the one before had another name already: the network
 * would begin anew.
 * @throws Re6stError `FILE`
 */
export function refuseAfterCutOff(path: string): void {
  const before = existsSync(path) ? undefined : allBefore(path).at(-1)
  if (before !== undefined)
    throw new Re6stError(
      'FILE',
      `--db ${path}: is not there, but the one before a restore is: run "re6st-registry restore" again, or give ${before} this name; to begin anew, move it away`,
    )
}

/** The name among them by which a file is restored; undefined: it is none of them. */
export const restoredName = (path: string, file: string): string | undefined =>
  allBefore(path).find((name) => isSameFile(name, file))
