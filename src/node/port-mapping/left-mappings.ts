import { messageOf } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Processes } from '../../platform/processes.ts'
import { defaultGateway } from './gateway.ts'
import { removeMappings } from './gateway-mappings.ts'
import { MappingJournal } from './mapping-journal.ts'
import type { MappingMethod } from './mapping-method.ts'
import { mappingMethods } from './mapping-methods.ts'

/** What it takes to remove mappings that a killed node left. */
export interface LeftMappingsInit {
  readonly stateFile: string
  readonly clock: Clock
  readonly log: Logger
  readonly processes: Processes
  readonly methods?: readonly MappingMethod[]
}

/** The gateway may be out of reach for a moment, as we are at boot. */
const TRY_AGAIN_MS = 60_000
const MAX_TRIES = 10

/**
 * Removes, in the background, what a node that was killed left at the gateway: for a start after which nothing is to
 * be forwarded any more. Some gateways give no leases, and would forward for ever.
 */
export function removeLeftMappings(init: LeftMappingsInit): AsyncDisposable {
  const stopping = new AbortController()
  const running = remove(init, stopping.signal).catch((error: unknown) => {
    if (!stopping.signal.aborted)
      init.log.debug({ reason: messageOf(error) }, 'mappings at the gateway were not removed')
  })
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error('the node stops'))
      await running
    },
  }
}

async function remove(
  { stateFile, clock, log, processes, methods = mappingMethods(clock) }: LeftMappingsInit,
  signal: AbortSignal,
): Promise<void> {
  const journal = await MappingJournal.open(stateFile, log)
  for (let tries = 0; tries < MAX_TRIES && !journal.isEmpty; tries++) {
    if (tries > 0) await clock.sleep(TRY_AGAIN_MS, signal)
    const gateway = await defaultGateway(processes, signal)
    const method = gateway && methods.find(({ name }) => name === journal.methodAt(gateway))
    const session = gateway && (await method?.open(gateway, journal.nonce, signal))
    if (!gateway || !method || !session?.ok) continue
    const open = { gateway, method: method.name, session: session.value }
    await removeMappings(journal, open, journal.portsAt(gateway), signal)
    if (journal.isEmpty) log.info({ gateway: gateway.address }, 'the gateway forwards nothing to us any more')
  }
}
