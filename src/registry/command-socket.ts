import { isPostgresUrl } from './database/open-store.ts'

/** Where a registry with PostgreSQL has it: the directory is made by its service. */
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
