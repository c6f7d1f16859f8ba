import { messageOf, Re6stError } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { refuseAfterCutOff } from './before-restore.ts'
import { openDatabase } from './database.ts'
import { type Disk, diskOf } from './disk.ts'
import { migrateSqlite } from './migrations/migrate.ts'
import type { PostgresTimeouts } from './postgres-engine.ts'
import { isPostgresUrl } from './postgres-servers.ts'
import { SqliteEngine } from './sqlite-engine.ts'
import { Store } from './store.ts'

export { isPostgresUrl } from './postgres-servers.ts'

/** How a database is opened. */
export interface OpenOptions {
  /** Called with each file that others can read, and why that cannot be changed. */
  readonly onExposed?: (file: string, reason: string) => void
  /** Called when the disk has failed: the process must end, since nothing is acknowledged any more. */
  readonly onBroken?: (error: Error) => void
  /** Hears what nobody waits for. */
  readonly log?: Pick<Logger, 'error'>
  /** How PostgreSQL names our connections to others. */
  readonly application?: string
  /** Of PostgreSQL, where a test must not wait for the real ones. */
  readonly timeouts?: Partial<PostgresTimeouts>
  /** The system's, unless it is a test's. */
  readonly clock?: Pick<Clock, 'after' | 'monotonicMs'>
  /** The one under the database, unless it is a test's. */
  readonly disk?: Disk
}

/**
 * Opens a registry's database, the file of SQLite or the URL of PostgreSQL, and makes the tables that are missing.
 * @throws Re6stError `FILE` when it is no registry's database, or cannot be written; or is missing where a restore was cut off
 */
export async function openStore(database: string, options: OpenOptions = {}): Promise<Store> {
  if (isPostgresUrl(database)) {
    // Loaded only where it is used.
    const { openPostgres } = await import('./postgres-engine.ts')
    return new Store(await openPostgres(database, options), options.clock)
  }
  refuseAfterCutOff(database)
  const opened = openDatabase(database, options.onExposed)
  try {
    await migrateSqlite(opened)
    return new Store(
      new SqliteEngine(opened, options.disk ?? diskOf(opened, options.onBroken)),
      options.clock,
    )
  } catch (error) {
    opened.close()
    throw new Re6stError('FILE', `--db ${database}: ${messageOf(error)}`, { cause: error })
  }
}
