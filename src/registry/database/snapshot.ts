import { accessSync, closeSync, constants, existsSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { codeOf, messageOf, Re6stError, readTroubleOf } from '../../core/errors.ts'
import { isPostgresUrl } from './open-store.ts'
import { withoutPassword } from './postgres-servers.ts'
import { Queries } from './queries.ts'
import { SqliteEngine } from './sqlite-engine.ts'
import { statementsFor } from './statements.ts'

/** A database, and the option that names it: none for what is an operand. */
export interface NamedDatabase {
  readonly database: string
  readonly option: '--db' | ''
}

const nameOf = ({ database, option }: NamedDatabase): string =>
  `${option === '' ? '' : `${option} `}${withoutPassword(database)}`

/** A registry's database that is only read, also while one serves with it. */
export interface ReadDatabase extends AsyncDisposable {
  /**
   * Reads what it is at one moment. What takes long does not belong there: while it lasts, the database keeps what was at that moment.
   * @throws Re6stError `FILE` when it cannot be read; what `read` throws
   */
  snapshot<T>(read: (snapshot: Queries) => Promise<T>): Promise<T>
}

/**
 * Opens a registry's database to read it. Nothing is changed in it: our own tables may be missing.
 * @throws Re6stError `FILE` when there is none, or it cannot be read
 */
export async function openToRead(named: NamedDatabase): Promise<ReadDatabase> {
  const { database } = named
  const engine = isPostgresUrl(database)
    ? await (await import('./postgres-engine.ts')).openPostgres(database, {
        ...{ isOnlyRead: true, application: 're6st-registry, reading' },
      })
    : new SqliteEngine(openExisting(named))
  return {
    snapshot: async (read) => {
      try {
        return await engine.snapshot(async (executor) => {
          const snapshot = new Queries({ engine, executor, statements: statementsFor(engine.kind) })
          if (!(await snapshot.tables()).includes('cert')) throw missing(named)
          return read(snapshot)
        })
      } catch (error) {
        throw error instanceof Re6stError ? error : unreadable(named, error)
      }
    },
    [Symbol.asyncDispose]: () => engine.close(),
  }
}

/**
 * Reads a registry's database as it is at one moment.
 * @throws Re6stError `FILE` when there is none, or it cannot be read; what `read` throws
 */
export async function readSnapshot<T>(
  named: NamedDatabase,
  read: (snapshot: Queries) => Promise<T>,
): Promise<T> {
  await using opened = await openToRead(named)
  return await opened.snapshot(read)
}

/** A file that is there, which is not changed. @throws Re6stError `FILE` when there is none */
export function openExisting(named: NamedDatabase): Database.Database {
  const { database } = named
  if (!existsSync(database)) throw missing(named)
  try {
    const opened = new Database(database, { readonly: true, fileMustExist: true })
    try {
      opened.prepare('SELECT prefix FROM cert LIMIT 1').get()
      return opened
    } catch (error) {
      opened.close()
      throw error
    }
  } catch (error) {
    throw unreadable(named, error)
  }
}

const missing = (named: NamedDatabase): Re6stError =>
  new Re6stError(
    'FILE',
    named.option === ''
      ? `${nameOf(named)}: there is no such ${isPostgresUrl(named.database) ? 'registry' : 'file'}: name a backup, or the database of a registry`
      : `${nameOf(named)}: there is no database: start the registry once, or name another`,
  )

const unreadable = (named: NamedDatabase, error: unknown): Re6stError =>
  new Re6stError(
    'FILE',
    `${nameOf(named)}: cannot be read as the database of a registry: ${reasonOf(named, error)}`,
    {
      cause: error,
    },
  )

/** SQLite says of what it cannot open or read only that. */
function reasonOf({ database }: NamedDatabase, error: unknown): string {
  if (!['SQLITE_CANTOPEN', 'SQLITE_IOERR_READ'].includes(codeOf(error))) return messageOf(error)
  try {
    closeSync(openSync(database, 'r'))
    // It reads a log that is there, or makes one, in the directory.
    accessSync(dirname(database), constants.R_OK | constants.X_OK)
  } catch (error) {
    return readTroubleOf(error)
  }
  return statSync(database).isDirectory() ? 'it is a directory' : messageOf(error)
}
