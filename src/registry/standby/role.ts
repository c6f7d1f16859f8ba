import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import { messageOf, Re6stError } from '../../core/errors.ts'
import type { PairRole, PeerState } from '../../core/standby/messages.ts'
import { replaceFile } from '../../platform/files.ts'

/** Beside a database that is a standby's: which standby it is. */
const markOf = (database: string): string => `${database}.standby`

/** Whether the database is a standby's: nobody but a promotion may serve with it. */
export const isOfStandby = (database: string): boolean => existsSync(markOf(database))

/** Which standby it is. @throws Re6stError `FILE` */
export function standbyId(database: string): string {
  try {
    return readFileSync(markOf(database), 'utf8').trim()
  } catch (error) {
    throw new Re6stError('FILE', `${markOf(database)}: cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/** From now on it is no standby's any more. */
export const endStandby = (database: string): void => rmSync(markOf(database))

/**
 * Which role a registry has that was started with `--standby`: it is a standby, unless it was promoted since. A former primary is one
 * as soon as the other one serves: its database is kept beside the new one.
 * @param askOther what the other one says of itself; undefined: it is not reached
 * @throws Re6stError `CONFLICT` when the database has a network that would be lost
 */
export async function roleOf(
  database: string,
  askOther: () => Promise<PeerState | undefined>,
): Promise<PairRole> {
  if (isOfStandby(database)) return 'standby'
  const own = epochOf(database)
  if (own !== undefined) {
    const other = await askOther()
    if (other?.role === 'primary' && other.epoch > own) keepBeside(database)
    else if (own > 1 && !(other?.role === 'primary' && other.epoch === own)) return 'primary'
    else
      throw new Re6stError(
        'CONFLICT',
        `--standby: ${database} has a network already, and ${other === undefined ? 'the other registry (--peer) does not answer' : 'the other registry (--peer) was not promoted after it'}: leave --standby out where the network is served, or move the database away`,
      )
  }
  await replaceFile(markOf(database), `${randomBytes(12).toString('base64url')}\n`)
  return 'standby'
}

/** The epoch of a database that has a network; undefined: it has none. */
function epochOf(path: string): number | undefined {
  if (!existsSync(path)) return undefined
  const database = new Database(path)
  try {
    const has = (table: string) =>
      database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table) !==
      undefined
    if (!has('config') || database.prepare("SELECT 1 FROM config WHERE name = 'version'").get() === undefined)
      return undefined
    return has('replication')
      ? database.prepare<[], number>('SELECT epoch FROM replication').pluck().get()
      : 1
  } catch (error) {
    throw new Re6stError('FILE', `--db ${path}: ${messageOf(error)}`, { cause: error })
  } finally {
    database.close()
  }
}

function keepBeside(path: string): void {
  // The last connection has put what was in the log into the file.
  renameSync(path, `${path}.before-standby`)
  for (const file of [`${path}-wal`, `${path}-shm`]) rmSync(file, { force: true })
}
