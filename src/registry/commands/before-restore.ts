import { databasesNamed, freeDatabaseName, isSameFile } from '../../platform/database-files.ts'

/** What was there before a restore: the first may be the only one that is whole, and another does not take its place. */
const nameOf = (path: string): string => `${path}.before-restore`

/** The first name that nothing has. */
export const nameForBefore = (path: string): string => freeDatabaseName(nameOf(path))

/** All that there are, the earliest first. */
export const allBefore = (path: string): readonly string[] => databasesNamed(nameOf(path))

/** The name among them by which a file is restored; undefined: it is none of them. */
export const restoredName = (path: string, file: string): string | undefined =>
  allBefore(path).find((name) => isSameFile(name, file))
