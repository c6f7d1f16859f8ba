import { dirname } from 'node:path'
import { makeDirectoriesSync } from '../platform/files.ts'
import { isPostgresUrl } from './database/open-store.ts'

/** Where a registry with PostgreSQL has it. */
const RUN_SOCKET = '/run/re6st-registry/commands.socket'

/**
 * Where commands ask a registry that runs with this database: who may open the one may open the other.
 * @param given place that an option names
 */
export const commandSocket = (database: string, given?: string): string | undefined => {
  if (given !== undefined) return given
  if (isPostgresUrl(database)) return RUN_SOCKET
  return database === ':memory:' ? undefined : `${database}.socket`
}

/**
 * Makes the directory of the socket that nobody names, for nobody else, where no service has made it.
 * @param own the one that is meant without an option, unless it is a test's
 * @throws what the file system says
 */
export function makeSocketDirectory(path: string, own = RUN_SOCKET): void {
  if (path === own) makeDirectoriesSync(dirname(path), 0o700)
}
