import { chmodSync, closeSync, existsSync, openSync, readSync } from 'node:fs'
import Database from 'better-sqlite3'
import { Re6stError, readTroubleOf } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { CopyOptions } from '../../core/options/registry-database-options.ts'
import { numberOfVersion } from '../../core/values/network-version.ts'
import { packInteger } from '../../core/values/packed-integer.ts'
import { isSameFile, keepDatabase, keepNoLonger, moveDatabase } from '../../platform/database-files.ts'
import { statIfThere } from '../../platform/files.ts'
import { audit } from '../api/audit-log.ts'
import { allBefore, nameForBefore, restoredName } from '../database/before-restore.ts'
import { Beside } from '../database/beside.ts'
import { isUsed, replaceAll } from '../database/copy-store.ts'
import { readMigratedCopy } from '../database/migrated-copy.ts'
import { refuseLaterVersion } from '../database/migrations/migrate.ts'
import { isPostgresUrl, openStore } from '../database/open-store.ts'
import { makeOwnDirectory } from '../database/own-directory.ts'
import { APPLICATION } from '../database/postgres-dialect.ts'
import { withoutPassword } from '../database/postgres-servers.ts'
import { Queries } from '../database/queries.ts'
import { openExisting, readSnapshot } from '../database/snapshot.ts'
import { soundnessOfDatabase } from '../database/soundness.ts'
import { SqliteEngine } from '../database/sqlite-engine.ts'
import { statementsFor } from '../database/statements.ts'
import { reasonForOperator } from '../refusal.ts'
import { backUp } from './backup.ts'
import { holdAlone } from './end-log.ts'
import { commandActor, refuseStandby } from './own-database.ts'

/**
 * Runs `re6st-registry restore`.
 * @returns the exit status
 * @throws Re6stError `FILE` when the backup is not sound, the registry runs, or it cannot be written: nothing has changed then
 */
export async function runRestore({ database, file, json }: CopyOptions): Promise<number> {
  const isShared = isPostgresUrl(database)
  if (!isShared) {
    refuseStandby(database)
    refuseOther(database)
  }
  const { findings, certificates } = await soundnessOfDatabase({ database: file, option: '' }, undefined)
  const [finding] = findings
  if (finding) throw new Re6stError('FILE', `${withoutPassword(file)}: is not restored: ${finding.what}`)
  // No registry of this version could serve with it.
  await readSnapshot({ database: file, option: '' }, (backup) =>
    refuseLaterVersion(backup, 'the backup is not restored'),
  )
  const name = withoutPassword(database)
  let before: string | undefined
  makeOwnDirectory(database)
  try {
    before = await (isShared ? intoPostgres : intoFile)(database, file)
  } catch (error) {
    throw error instanceof Re6stError
      ? error
      : new Re6stError('FILE', `--db ${name}: cannot be written: ${reasonForOperator(error)}`, {
          cause: error,
        })
  }
  process.stdout.write(
    json
      ? jsonText({ database: name, certificates, ...(before === undefined ? {} : { before }) })
      : `${name}: ${certificates} certificates${before === undefined ? '' : `; ${before} is the one before`}. Certificates that were given since the backup are not in it: their machines must join again. Whoever was revoked since must be revoked again.\n`,
  )
  return 0
}

/**
 * At any moment there is one database or the other, and at the end both: one of them has the name, or none has, and then no registry
 * begins a new one. What is restored may be the one before, of an earlier time: both change places then.
 * @returns where the one before is
 */
async function intoFile(path: string, file: string): Promise<string | undefined> {
  using beside = Beside.of(path)
  const isThere = existsSync(path)
  const exchanged = isThere ? restoredName(path, file) : undefined
  // Until the restored one has its name: a registry that is started meanwhile waits.
  const held = isThere ? holdAlone(path) : undefined
  try {
    const last = isThere ? undefined : allBefore(path).at(-1)
    const lost = (held && reachedInHeld(held)) ?? (await reachedAfter(allBefore(path)))
    await copyAhead(beside, { file, isItself: isSameFile(path, file) }, { held, lost })
    const before = nameForBefore(path)
    try {
      keepDatabase(path, before)
      if (isThere) keepPrivate(before)
      beside.putInPlace()
    } catch (error) {
      keepNoLonger(path, before)
      throw error
    }
    // What has that name is restored: it is there.
    if (exchanged !== undefined) moveDatabase(before, exchanged)
    return isThere ? (exchanged ?? before) : last
  } finally {
    held?.close()
  }
}

/** Copies a backup beside the database, ahead of what was lost. */
async function copyAhead(
  beside: Beside,
  { file, isItself }: { readonly file: string; readonly isItself: boolean },
  { held, lost }: { readonly held: Database.Database | undefined; readonly lost: Reached },
): Promise<void> {
  // Restored over itself, it goes ahead; nobody else can open it.
  const itself = isItself ? held : undefined
  const backup = itself ?? openExisting({ database: file, option: '' })
  try {
    beside.copy(backup)
  } finally {
    if (!itself) backup.close()
  }
  const engine = new SqliteEngine(new Database(beside.path))
  try {
    await engine.transaction(async (executor) => {
      const writable = new Queries({ engine, executor, statements: statementsFor(engine.kind) })
      await goAhead(writable, lost)
      // One of the Python implementation has none.
      if ((await writable.tables()).includes('audit')) await auditRestored(writable, file)
    })
  } finally {
    await engine.close()
  }
}

function keepPrivate(path: string): void {
  try {
    chmodSync(path, 0o600)
  } catch {
    // It is somebody else's, or on a file system without modes: no reason not to restore.
  }
}

/** All or nothing, as one transaction. @returns the file that the one before was copied into, beside the backup */
async function intoPostgres(url: string, file: string): Promise<string | undefined> {
  await using store = await openStore(url, { application: 're6st-registry, restoring' })
  let before: string | undefined
  if (await isUsed(store)) {
    await refuseServed(store, url)
    before = nameForBefore(file)
    await backUp(url, before)
  }
  await readMigratedCopy(file, (backup) =>
    store.write(async (writable) => {
      await refuseServed(writable, url)
      const lost = await reachedIn(writable)
      await replaceAll(backup, writable)
      await goAhead(writable, lost)
      await auditRestored(writable, file)
    }),
  )
  return before
}

/** What was done since the backup is in the log of the database before. */
const auditRestored = (writable: Queries, file: string): Promise<void> =>
  audit(
    writable,
    commandActor(),
    { action: 'database.restored', detail: { from: withoutPassword(file) } },
    Date.now(),
  )

/** A registry knows by heart what it has read. @throws Re6stError `FILE` when one is connected */
async function refuseServed(queries: Queries, url: string): Promise<void> {
  const [connected] = await queries.all(
    'SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = ? LIMIT 1',
    APPLICATION,
  )
  if (connected !== undefined)
    throw new Re6stError('FILE', `--db ${withoutPassword(url)}: stop the registry first, on each machine`)
}

/**
 * A damaged database is restored over, whatever is left of it: but not what never was one, and is named by mistake.
 * @throws Re6stError `FILE`
 */
function refuseOther(path: string): void {
  const there = statIfThere(path)
  const why =
    there?.isDirectory() === true
      ? 'it is a directory: name a file in it'
      : there && isPem(path)
        ? 'it is a key or a certificate, and is not replaced: name the database'
        : undefined
  if (why !== undefined) throw new Re6stError('FILE', `--db ${path}: ${why}`)
}

/** Keys and certificates in PEM, also with some text before them. */
function isPem(path: string): boolean {
  const beginning = Buffer.alloc(PEM_WITHIN)
  const file = openOrRefuse(path)
  try {
    return /^-----BEGIN /m.test(beginning.toString('latin1', 0, readSync(file, beginning)))
  } finally {
    closeSync(file)
  }
}

const PEM_WITHIN = 16 * 1024

function openOrRefuse(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw new Re6stError('FILE', `--db ${path}: cannot be read: ${readTroubleOf(error)}`, { cause: error })
  }
}

/** The last version, and the last serial number that was given; 0: none. */
interface Reached {
  readonly version: number
  readonly serial: number
  /** How many databases there were after it of which nobody knows what they have reached: a restore had each go on ahead. */
  readonly unknown: number
}

const reachedIn = async (queries: Queries): Promise<Reached> =>
  reachedOf(await queries.config('version'), await queries.config('serial'))

function reachedOf(version: unknown, serial: unknown): Reached {
  const number = Buffer.isBuffer(version) ? numberOfVersion(version) : undefined
  return { version: number?.ok ? Number(number.value) : 0, serial: Number(serial ?? 0), unknown: 0 }
}

/** No other connection can read it. @returns undefined: nor can this one, since it is damaged */
function reachedInHeld(held: Database.Database): Reached | undefined {
  try {
    const value = held.prepare<[string], unknown>('SELECT value FROM config WHERE name = ?').pluck()
    return reachedOf(value.get('version'), value.get('serial'))
  } catch {
    return undefined
  }
}

/** What one that is lost, or damaged, may have reached: further than those that were there before it, as far as they can be read. */
async function reachedAfter(before: readonly string[]): Promise<Reached> {
  const reached = await Promise.all(before.map(reachedInFile))
  const known = reached.filter((one) => one !== undefined)
  return {
    version: Math.max(0, ...known.map(({ version }) => version)),
    serial: Math.max(0, ...known.map(({ serial }) => serial)),
    unknown: before.length - known.length + 1,
  }
}

/** Of one that cannot be read, nothing: it may be why there is a backup to be restored. */
const reachedInFile = (path: string): Promise<Reached | undefined> =>
  readSnapshot({ database: path, option: '' }, reachedIn).catch(() => undefined)

/**
 * Nodes take no configuration that is older than the one they have, and no serial number may be given twice: what was lost was
 * further on. Both go on from a number that no database of this network has reached, at one change a second: the time tells apart
 * also those of which nothing is left.
 */
async function goAhead(writable: Queries, lost: Reached): Promise<void> {
  const own = await reachedIn(writable)
  const version = Math.max(own.version, lost.version)
  if (version === 0) return
  const now = Math.floor(Date.now() / 1000)
  const changes = {
    version: packInteger(Math.max(version + 1, now)),
    // What was published is published again, as the next version.
    last_config: '',
    serial: Math.max(own.serial, lost.serial, now) + SERIALS_AHEAD * (1 + lost.unknown),
  }
  for (const [name, value] of Object.entries(changes))
    if ((await writable.config(name)) !== undefined) await writable.setConfig(name, value)
}

/** More certificates than that were not given since a backup. */
const SERIALS_AHEAD = 1_000_000
