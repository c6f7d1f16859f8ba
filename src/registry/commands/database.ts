import { existsSync, renameSync, rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import { messageOf, Re6stError } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { CheckOptions, CopyOptions } from '../../core/options/registry-database-options.ts'
import { numberOfVersion } from '../../core/values/network-version.ts'
import { packInteger } from '../../core/values/packed-integer.ts'
import { readAuthorityFile } from '../authority-file.ts'
import { copyTo } from '../database/copy.ts'
import { type Finding, findingsIn } from '../database/soundness.ts'
import { refuseStandby } from './own-database.ts'

/**
 * Runs `re6st-registry backup`.
 * @returns the exit status
 * @throws Re6stError `FILE` when it cannot be read or written: what was there is there still
 */
export async function runBackup({ database: path, file, json }: CopyOptions): Promise<number> {
  using database = openExisting('--db', path)
  try {
    copyTo(database.opened, file)
  } catch (error) {
    throw new Re6stError('FILE', `${file}: the backup cannot be written: ${messageOf(error)}`, {
      cause: error,
    })
  }
  const certificates = certificatesOf(database.opened)
  process.stdout.write(json ? jsonText({ file, certificates }) : `${file}: ${certificates} certificates\n`)
  return 0
}

/**
 * Runs `re6st-registry restore`.
 * @returns the exit status
 * @throws Re6stError `FILE` when the backup is not sound, the registry runs, or it cannot be written: nothing has changed then
 */
export async function runRestore({ database: path, file, json }: CopyOptions): Promise<number> {
  refuseStandby(path)
  using backup = openExisting('', file)
  const [finding] = findingsIn(backup.opened, undefined)
  if (finding) throw new Re6stError('FILE', `${file}: is not restored: ${finding.what}`)
  const before = `${path}.before-restore`
  try {
    if (existsSync(path)) {
      endLog(path)
      if (existsSync(before)) rmSync(before)
      renameSync(path, before)
    }
    copyTo(backup.opened, path, (copied) => goAhead(copied, existsSync(before) ? before : undefined))
  } catch (error) {
    if (!existsSync(path) && existsSync(before)) renameSync(before, path)
    throw error instanceof Re6stError
      ? error
      : new Re6stError('FILE', `--db ${path}: cannot be written: ${messageOf(error)}`, { cause: error })
  }
  const certificates = certificatesOf(backup.opened)
  const isKept = existsSync(before)
  process.stdout.write(
    json
      ? jsonText({ database: path, certificates, ...(isKept ? { before } : {}) })
      : `${path}: ${certificates} certificates${isKept ? `; ${before} is the one before` : ''}. Certificates that were given since the backup are not in it: their machines must join again. Whoever was revoked since must be revoked again.\n`,
  )
  return 0
}

/**
 * Runs `re6st-registry check`.
 * @returns the exit status: 1 when something is wrong
 * @throws Re6stError `FILE`, `CERTIFICATE` when something cannot be read
 */
export async function runCheck({ database: path, ca, json }: CheckOptions): Promise<number> {
  const authority = ca === undefined ? undefined : readAuthorityFile(ca)
  using database = openExisting('--db', path)
  const findings = findingsIn(database.opened, authority)
  const certificates = findings.length > 0 ? undefined : certificatesOf(database.opened)
  process.stdout.write(json ? jsonText({ findings, certificates }) : textOf(findings, certificates))
  return findings.length > 0 ? 1 : 0
}

const textOf = (findings: readonly Finding[], certificates: number | undefined): string =>
  certificates === undefined
    ? findings.map(({ what, remedy }) => `${what}: ${remedy}\n`).join('')
    : `sound: ${certificates} certificates\n`

/**
 * Nodes take no configuration that is older than the one they have, and no serial number may be given twice: what was lost was
 * further on. Both go on from a number that no database of this network has reached, at one change a second.
 */
function goAhead(database: Database.Database, before: string | undefined): void {
  const lost = before === undefined ? [0, 0] : reachedIn(before)
  const [version = 0, serial = 0] = reachedIn(database.name).map((reached, at) =>
    Math.max(reached, lost[at] ?? 0),
  )
  if (version === 0) return
  const ahead = Math.max(version + 1, Math.floor(Date.now() / 1000))
  const change = database.prepare('UPDATE config SET value = ? WHERE name = ?')
  change.run(packInteger(ahead), 'version')
  // What was published is published again, as the next version.
  change.run('', 'last_config')
  change.run(BigInt(serial + SERIALS_AHEAD), 'serial')
}

/** More certificates than that were not given since a backup. */
const SERIALS_AHEAD = 1_000_000

/** The last version and the last serial number; 0 where there is none, or it cannot be read. */
function reachedIn(path: string): [version: number, serial: number] {
  try {
    const database = new Database(path, { readonly: true, fileMustExist: true })
    try {
      const value = (name: string): unknown =>
        database.prepare('SELECT value FROM config WHERE name = ?').pluck().get(name)
      const version = value('version')
      const number = Buffer.isBuffer(version) ? numberOfVersion(version) : undefined
      return [number?.ok ? Number(number.value) : 0, Number(value('serial') ?? 0)]
    } finally {
      database.close()
    }
  } catch {
    // It may be why there is a backup to be restored.
    return [0, 0]
  }
}

/** One that is there, which is not changed. @throws Re6stError `FILE` when there is none */
export function openExisting(
  option: string,
  path: string,
): Disposable & { readonly opened: Database.Database } {
  const named = option === '' ? path : `${option} ${path}`
  if (!existsSync(path))
    throw new Re6stError(
      'FILE',
      option === ''
        ? `${named}: there is no such file: name a backup, or the database of a registry`
        : `${named}: there is no database: start the registry once, or name another`,
    )
  try {
    const opened = new Database(path, { readonly: true, fileMustExist: true })
    try {
      opened.prepare('SELECT prefix FROM cert LIMIT 1').get()
    } catch (error) {
      opened.close()
      throw error
    }
    return { opened, [Symbol.dispose]: () => void opened.close() }
  } catch (error) {
    throw new Re6stError(
      'FILE',
      `${named}: cannot be read as the database of a registry: ${messageOf(error)}`,
      {
        cause: error,
      },
    )
  }
}

/** Everything is in the one file then. @throws Re6stError `FILE` when somebody has it open */
function endLog(path: string): void {
  const database = new Database(path)
  try {
    // Of a write-ahead log, only who is alone can end it (sqlite.org/wal.html).
    database.pragma('journal_mode = DELETE')
    database.exec('BEGIN EXCLUSIVE; COMMIT')
  } catch (error) {
    throw new Re6stError('FILE', `--db ${path}: stop the registry first: ${messageOf(error)}`, {
      cause: error,
    })
  } finally {
    database.close()
  }
}

const certificatesOf = (database: Database.Database): number =>
  Number(
    database.prepare("SELECT COUNT(*) FROM cert WHERE cert IS NOT NULL AND cert <> 'reserved'").pluck().get(),
  )
