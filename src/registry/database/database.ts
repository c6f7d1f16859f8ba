import { chmodSync, closeSync, existsSync, openSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { codeOf, messageOf, nameTroubleOf, Re6stError } from '../../core/errors.ts'
import { keepOwnerSync } from '../../platform/files.ts'
import { copyOnce } from './beside.ts'
import { unmarkBackup } from './copy.ts'
import { isWrittenAhead } from './disk.ts'

/** The Python implementation compares the text of these definitions, and must be able to go back to this database. */
const SCHEMA = {
  config: 'CREATE TABLE config (\n  name TEXT PRIMARY KEY NOT NULL,\n  value)',
  token:
    'CREATE TABLE token (\n  token TEXT PRIMARY KEY NOT NULL,\n  email TEXT NOT NULL,\n  prefix_len INTEGER NOT NULL,\n  date INTEGER NOT NULL)',
  cert: 'CREATE TABLE cert (\n  prefix TEXT PRIMARY KEY NOT NULL,\n  email TEXT,\n  cert TEXT)',
  crl: 'CREATE TABLE crl (\n  serial INTEGER PRIMARY KEY NOT NULL,\n  date INTEGER NOT NULL)',
} as const

/** Kept in SQLite's `user_version`, which the Python implementation ignores: says that the database is already ours. */
const OUR_VERSION = 1

/**
 * Opens `registry.db` with the tables of the Python implementation, and makes it if there is none; our own tables are made
 * by migrations. One that was not ours yet is copied first, as `<path>.before-takeover`.
 * @param onExposed called with each file that others can read, and why that cannot be changed
 * @param fileSystemType what it is on, as statfs(2) says; found out by default
 * @throws Re6stError `FILE` when it is no registry's database, or cannot be written
 */
export function openDatabase(
  path: string,
  onExposed: (file: string, reason: string) => void = () => {},
  fileSystemType?: number,
): Database.Database {
  try {
    keepPrivate(path, onExposed)
    const wanted = path === ':memory:' ? 'WAL' : journalFor(fileSystemType ?? statfsSync(dirname(path)).type)
    try {
      return openWith(path, wanted)
    } catch (error) {
      if (wanted === 'DELETE' || !isWithoutSharedMemory(error)) throw error
      // A file system of which the type does not tell (of FUSE, for one).
      return openWith(path, 'DELETE')
    }
  } catch (error) {
    throw error instanceof Re6stError
      ? error
      : new Re6stError('FILE', `--db ${path}: ${reasonOf(error)}`, { cause: error })
  }
}

const reasonOf = (error: unknown): string =>
  codeOf(error) === 'SQLITE_NOTADB' ? `${messageOf(error)}: name another` : nameTroubleOf(error)

function openWith(path: string, journal: Journal): Database.Database {
  const database = new Database(path)
  try {
    // At the start, there is nobody yet to be answered meanwhile.
    database.pragma('busy_timeout = 5000')
    // A write-ahead log that it comes with, from another machine, is then read without shared memory (sqlite.org/wal.html, 8).
    if (journal === 'DELETE') database.pragma('locking_mode = EXCLUSIVE')
    takeOver(database, path)
    database.pragma(`journal_mode = ${journal}`)
    database.pragma('locking_mode = NORMAL')
    // The lock is let go, and shared memory is found missing, at the next use only.
    database.prepare('SELECT 1 FROM config').get()
    // What a process has written that was killed may not be on the disk: nothing is put behind a gap in the log.
    if (isWrittenAhead(database)) database.pragma('wal_checkpoint(PASSIVE)')
    // What was acknowledged survives a power cut: SQLite waits for the disk, or `diskOf` does.
    database.pragma(`synchronous = ${isWrittenAhead(database) ? 'NORMAL' : 'FULL'}`)
    database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`)
    // In KiB; what is not in it, the kernel has.
    database.pragma(`cache_size = -${CACHE_KIB}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

const isWithoutSharedMemory = (error: unknown): boolean =>
  error instanceof Database.SqliteError && error.code.startsWith('SQLITE_IOERR_SHM')

/** Nobody is answered while SQLite waits for another process; the store itself tries again. */
export const BUSY_TIMEOUT_MS = 50

/** Upper pages of the indexes and what was used last: more makes no call quicker. */
export const CACHE_KIB = 2_048

/** Tokens and MAC keys are in it. SQLite gives its journals the mode of the database. */
function keepPrivate(path: string, onExposed: (file: string, reason: string) => void): void {
  // An option may name a database in memory.
  if (path === ':memory:') return
  const isNew = !existsSync(path)
  closeSync(openSync(path, 'a', 0o600))
  if (isNew) keepOwnerSync(dirname(path), path)
  for (const file of [path, `${path}.before-takeover`, `${path}-wal`, `${path}-shm`]) {
    if (!existsSync(file) || (statSync(file).mode & 0o077) === 0) continue
    try {
      chmodSync(file, 0o600)
    } catch (error) {
      // It is somebody else's, or on a file system without modes: no reason not to serve.
      onExposed(file, messageOf(error))
    }
  }
}

/** File systems of other machines, by the magic numbers of statfs(2): NFS, SMB, CIFS, SMB2, 9p, AFS, Coda, Ceph. */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x5346414f, 0x73757245, 0x00c36400,
])

type Journal = 'WAL' | 'DELETE'

/**
 * How changes are written. With a write-ahead log, readers and the one writer do not wait for each other; it needs
 * shared memory, which file systems of other machines do not have (sqlite.org/wal.html): there a rollback journal, as
 * the Python implementation has it.
 */
export const journalFor = (fileSystemType: number): Journal =>
  // The kernel's number is a signed one on some machines.
  NETWORK_FILE_SYSTEMS.has(fileSystemType >>> 0) ? 'DELETE' : 'WAL'

function takeOver(database: Database.Database, path: string): void {
  const tables = new Map(
    database
      .prepare<[], { name: string; sql: string }>("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
      .all()
      .map(({ name, sql }) => [name, sql]),
  )
  for (const [name, sql] of Object.entries(SCHEMA))
    if (tables.has(name) && tables.get(name) !== sql)
      throw new Re6stError(
        'FILE',
        `--db ${path}: its table ${name} is not a registry's: give another file, or a copy from before it was changed`,
      )
  const isOurs = database.pragma('user_version', { simple: true }) === OUR_VERSION
  if (tables.has('cert') && !isOurs) copyOnce(database, `${path}.before-takeover`)
  database
    .transaction(() => {
      for (const [name, sql] of Object.entries(SCHEMA)) if (!tables.has(name)) database.exec(sql)
      database.prepare("INSERT INTO cert SELECT '', NULL, NULL WHERE NOT EXISTS (SELECT 1 FROM cert)").run()
      // Version 0.1.0 wrote it as a number with a fraction, which the Python implementation refuses.
      database
        .prepare(
          "UPDATE config SET value = CAST(value AS INTEGER) WHERE name = 'serial' AND typeof(value) = 'real'",
        )
        .run()
      database.pragma(`user_version = ${OUR_VERSION}`)
      unmarkBackup(database)
    })
    .immediate()
}
