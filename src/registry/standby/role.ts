import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { messageOf, Re6stError } from '../../core/errors.ts'
import type { PairRole, PeerState } from '../../core/standby/messages.ts'
import { freeDatabaseName, moveDatabase } from '../../platform/database-files.ts'
import { removeFileSync, replaceFile } from '../../platform/files.ts'
import type { ReplicationRow } from './replication-row.ts'

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

/** From now on it is no standby's any more, also after a power cut. */
export const endStandby = (database: string): void => removeFileSync(markOf(database))

/** Whether it was promoted: a primary that is followed has a generation, and so has each copy of it. */
export const isPromoted = ({ epoch, generation }: Pick<ReplicationRow, 'epoch' | 'generation'>): boolean =>
  epoch > 1 && generation === ''

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
  const replication = replicationOf(database)
  if (isOfStandby(database)) {
    if (!replication || !isPromoted(replication)) return 'standby'
    // A crash came before the end of its promotion.
    endStandby(database)
  }
  const own = replication?.epoch
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

/** Of a database that has a network; undefined: it has none. */
function replicationOf(path: string): Pick<ReplicationRow, 'epoch' | 'generation'> | undefined {
  if (!existsSync(path)) return undefined
  const database = new Database(path)
  try {
    const has = (table: string) =>
      database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(table) !==
      undefined
    if (!has('config') || database.prepare("SELECT 1 FROM config WHERE name = 'version'").get() === undefined)
      return undefined
    return has('replication')
      ? database.prepare<[], ReplicationRow>('SELECT * FROM replication').get()
      : { epoch: 1, generation: '' }
  } catch (error) {
    throw new Re6stError('FILE', `--db ${path}: ${messageOf(error)}`, { cause: error })
  } finally {
    database.close()
  }
}

/** The one that is kept from an earlier time stays what it is. */
const keepBeside = (path: string): void => moveDatabase(path, freeDatabaseName(`${path}.before-standby`))
