import { existsSync, renameSync, rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import { messageOf, Re6stError } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { CheckOptions, CopyOptions } from '../../core/options/registry-database-options.ts'
import { readAuthorityFile } from '../authority-file.ts'
import { copyTo } from '../database/database.ts'
import { type Finding, findingsIn } from '../database/soundness.ts'

/**
 * Runs `re6st-registry backup`.
 * @returns the exit status
 * @throws Re6stError `FILE` when it cannot be read or written: what was there is there still
 */
export async function runBackup({ database: path, file }: CopyOptions): Promise<number> {
  using database = openExisting('--db', path)
  try {
    copyTo(database.opened, file)
  } catch (error) {
    throw new Re6stError('FILE', `${file}: the backup cannot be written: ${messageOf(error)}`, {
      cause: error,
    })
  }
  process.stdout.write(`${file}: ${certificatesOf(database.opened)} certificates\n`)
  return 0
}

/**
 * Runs `re6st-registry restore`.
 * @returns the exit status
 * @throws Re6stError `FILE` when the backup is not sound, the registry runs, or it cannot be written: nothing has changed then
 */
export async function runRestore({ database: path, file }: CopyOptions): Promise<number> {
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
    copyTo(backup.opened, path)
  } catch (error) {
    if (!existsSync(path) && existsSync(before)) renameSync(before, path)
    throw error instanceof Re6stError
      ? error
      : new Re6stError('FILE', `--db ${path}: cannot be written: ${messageOf(error)}`, { cause: error })
  }
  process.stdout.write(
    `${path}: ${certificatesOf(backup.opened)} certificates${existsSync(before) ? `; ${before} is the one before` : ''}. Certificates that were given since the backup are not in it: their machines must join again.\n`,
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

/** One that is there, which is not changed. @throws Re6stError `FILE` when there is none */
export function openExisting(
  option: string,
  path: string,
): Disposable & { readonly opened: Database.Database } {
  const named = option === '' ? path : `${option} ${path}`
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
