import { Re6stError } from '../../core/errors.ts'
import { numberOfVersion } from '../../core/values/network-version.ts'
import { packInteger } from '../../core/values/packed-integer.ts'
import { prefixOfSubnetName } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import { type Actor, audit } from '../api/audit-log.ts'
import { openStore } from '../database/open-store.ts'
import { readReplication } from './replication-row.ts'
import { endStandby, isPromoted, standbyId } from './role.ts'

/** How a standby is promoted. */
export interface Promotion {
  /** Prefix of the node of this machine, through which the registry speaks to the network; undefined: it stays the former one's. */
  readonly nodePrefix: string | undefined
  /** Also one that is not known to have everything. */
  readonly isLossAccepted: boolean
}

/**
 * The former primary may have taken some for what it never answered. Serial numbers and versions that it could have used so are
 * left out.
 */
const SERIALS_LEFT_OUT = 100_000
const VERSIONS_LEFT_OUT = 1_000n

/**
 * Makes the database of a standby that of a primary, in the next epoch. Nobody uses it meanwhile.
 * @returns the epoch
 * @throws Re6stError `CONFLICT`, `NOT_FOUND`: nothing has changed then
 */
export async function promote(
  database: string,
  { nodePrefix, isLossAccepted }: Promotion,
  actor: Actor,
  clock: Pick<Clock, 'now'>,
): Promise<number> {
  const id = standbyId(database)
  await using store = await openStore(database)
  const replication = await readReplication(store)
  const { epoch, standby } = replication
  if (isPromoted(replication)) {
    // A crash came before the end of it.
    endStandby(database)
    return epoch
  }
  if ((await store.config('version')) === undefined)
    throw new Re6stError('CONFLICT', 'the standby has no copy of the database yet: nothing could be served')
  if (standby !== id && !isLossAccepted) throw mayLose()
  if (nodePrefix !== undefined && (await store.usableCertificate(nodePrefix)) === undefined)
    throw noSuchNode()
  const version = await store.config('version')
  const number = numberOfVersion(Buffer.isBuffer(version) ? version : Buffer.alloc(0))
  await store.write(async (writable) => {
    await writable.run(
      "UPDATE replication SET epoch = ?, generation = '', standby = NULL, since = NULL",
      epoch + 1,
    )
    const serial = Number((await writable.config('serial')) ?? 0)
    await writable.setConfig('serial', serial + SERIALS_LEFT_OUT)
    // The registry publishes the next one at its start, signed.
    await writable.setConfig('version', packInteger((number.ok ? number.value : 0n) + VERSIONS_LEFT_OUT))
    await writable.setConfig('last_config', undefined)
    if (nodePrefix !== undefined) await writable.setConfig('prefix', nodePrefix)
    await audit(writable, actor, { action: 'standby.promoted', detail: { epoch: epoch + 1 } }, clock.now())
  })
  endStandby(database)
  return epoch + 1
}

/** The prefix of a node that is named. @throws Re6stError `OPTION` */
export function nodePrefixOf(name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  const prefix = prefixOfSubnetName(name)
  if (!prefix.ok) throw new Re6stError('OPTION', `--node: ${prefix.reason}`)
  return prefix.value
}

/** Why a standby is not promoted that the primary has not waited for. */
export const mayLose = (): Re6stError =>
  new Re6stError(
    'CONFLICT',
    'the standby may not have everything: the primary has not waited for it. Certificates could be lost, and prefixes given twice; --accept-loss promotes it all the same',
  )

/** Why it is not promoted with such a node. */
export const noSuchNode = (): Re6stError =>
  new Re6stError('NOT_FOUND', '--node: no machine with this subnet name has a certificate')
