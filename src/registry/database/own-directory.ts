import { dirname } from 'node:path'
import { fileTroubleOf, Re6stError } from '../../core/errors.ts'
import { DEFAULT_DATABASE } from '../../core/options/registry-options.ts'
import { makeDirectoriesSync } from '../../platform/files.ts'

/**
 * Makes the directory of the database that nobody names, as those of the log and of a node are made; for nobody else, as the
 * database. That of a database which an option names must be there: it may be mistyped.
 * @param own the database that is meant without an option, unless it is a test's
 * @throws Re6stError `FILE` when it cannot be made
 */
export function makeOwnDirectory(database: string, own = DEFAULT_DATABASE): void {
  if (database !== own) return
  try {
    makeDirectoriesSync(dirname(database), 0o700)
  } catch (error) {
    throw new Re6stError('FILE', `--db ${database}: its directory cannot be made: ${fileTroubleOf(error)}`, {
      cause: error,
    })
  }
}
