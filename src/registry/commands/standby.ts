import { existsSync } from 'node:fs'
import { codeOf, Re6stError } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { StandbyOptions } from '../../core/options/registry-standby-options.ts'
import { systemClock } from '../../platform/clock.ts'
import { audit } from '../api/audit-log.ts'
import type { PairState } from '../api/schemas/standby.ts'
import { nodePrefixOf, promote } from '../standby/promotion.ts'
import { isOfStandby } from '../standby/role.ts'
import { askRegistryOf } from './ask-registry.ts'
import { commandActor, openOwnDatabase } from './own-database.ts'

/**
 * Runs `re6st-registry standby`. What is promoted or dropped need not run.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runStandbyCommand({
  json,
  action,
  node,
  isLossAccepted,
  ...where
}: StandbyOptions): Promise<number> {
  const ask = askRegistryOf(where)
  switch (action) {
    case 'status': {
      const state = await ask('pair')
      process.stdout.write(json ? jsonText(state) : stateText(state))
      return 0
    }
    case 'promote': {
      const wanted = { isLossAccepted, ...(node === undefined ? {} : { node }) }
      const epoch = await ask('promote', { body: wanted }).then(
        (state) => state.epoch,
        // Nobody else uses it then.
        async (error: unknown) => {
          if (!isNotRunning(error) || !existsSync(where.database) || !isOfStandby(where.database)) throw error
          const nodePrefix = nodePrefixOf(node)
          return promote(where.database, { nodePrefix, isLossAccepted }, commandActor(), systemClock)
        },
      )
      process.stdout.write(
        json ? jsonText({ epoch }) : `promoted: this registry serves the network, in epoch ${epoch}\n`,
      )
      return 0
    }
    case 'drop':
      await ask('dropStandby').catch(async (error: unknown) => {
        if (!isNotRunning(error) || isOfStandby(where.database)) throw error
        await dropIn(where.database)
      })
      process.stdout.write(json ? jsonText({}) : 'dropped: the primary goes on without a standby\n')
      return 0
  }
}

const isNotRunning = (error: unknown): boolean =>
  error instanceof Re6stError && ['ENOENT', 'ECONNREFUSED'].includes(codeOf(error.cause))

async function dropIn(path: string): Promise<void> {
  await using store = await openOwnDatabase(path)
  await store.write(async (writable) => {
    const changed = await writable.run(
      'UPDATE replication SET standby = NULL, since = NULL WHERE standby IS NOT NULL',
    )
    if (changed === 0) throw new Re6stError('CONFLICT', `--db ${path}: no standby is registered`)
    await audit(writable, commandActor(), { action: 'standby.dropped' }, systemClock.now())
  })
}

const CONNECTIONS: Readonly<Record<PairState['connection'], string>> = {
  away: 'not connected',
  copying: 'connected, the standby does not have everything yet',
  current: 'connected, the standby has everything',
}

function stateText({ role, epoch, connection, isRegistered, since, behind }: PairState): string {
  if (role === 'alone') return 'there is no pair: this registry was started without --peer\n'
  return [
    `this registry is the ${role}, in epoch ${epoch}`,
    `the ${role === 'primary' ? 'standby' : 'primary'} is ${CONNECTIONS[connection]}${behind === undefined || behind === 0 ? '' : `, ${behind} changes behind`}`,
    isRegistered
      ? `nothing is given that the standby has not stored${since === undefined ? '' : `, since ${since}`}`
      : role === 'primary'
        ? 'no standby is registered: what is given now is lost with this machine'
        : 'the primary does not wait for this standby: if it were promoted now, something could be lost',
    ...(role === 'primary' && isRegistered && connection !== 'current'
      ? [
          'nothing is given until it is back; "re6st-registry standby drop" goes on without it, and it must not be promoted then',
        ]
      : []),
    '',
  ].join('\n')
}
