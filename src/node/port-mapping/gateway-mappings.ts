import {
  externalPortsToTry,
  isInRandomRange,
  LEASE_SECONDS,
  type MappedPort,
  type MappingMethodName,
} from '../../core/port-mapping/mapping.ts'
import { type GatewayAnswer, granted, troubled } from '../../core/port-mapping/trouble.ts'
import type { Random } from '../../core/random.ts'
import type { Gateway } from './gateway.ts'
import { isSamePort, type MappingJournal } from './mapping-journal.ts'
import type { MappingSession } from './mapping-method.ts'

/** A gateway that forwards, by one method. */
export interface OpenGateway {
  readonly gateway: Gateway
  readonly method: MappingMethodName
  readonly session: MappingSession
}

/** A mapping that the gateway made. */
export interface MadeMapping extends MappedPort {
  /** 0: for ever. */
  readonly leaseSeconds: number
}

/** Maps one port of ours: to the same port of the gateway, or to another one that is free. Each try is written down. */
export async function makeMapping(
  journal: MappingJournal,
  { gateway, method, session }: OpenGateway,
  port: Pick<MappedPort, 'protocol' | 'internalPort'>,
  random: Random,
  signal: AbortSignal,
): Promise<GatewayAnswer<MadeMapping>> {
  const before = journal.portsAt(gateway).filter((one) => isSamePort(one, port))
  const candidates = externalPortsToTry(
    port.internalPort,
    before.map(({ externalPort }) => externalPort),
    random,
  )
  let refused: number | undefined
  for (const externalPort of candidates) {
    const wish = { ...port, externalPort }
    await journal.note(gateway, method, wish)
    const answer = await session.map({ ...wish, leaseSeconds: LEASE_SECONDS }, signal)
    if (!answer.ok) {
      if (answer.trouble.kind !== 'taken') return answer
      continue
    }
    const given = answer.value.externalPort
    // One that only counts up from our own port gives the same again: then that is what there is.
    if (given === externalPort || isInRandomRange(given) || given === refused) {
      const mapped = { ...port, externalPort: given }
      await journal.note(gateway, method, mapped)
      return granted({ ...mapped, leaseSeconds: answer.value.leaseSeconds })
    }
    refused = given
    await session.unmap({ ...port, externalPort: given }, signal)
  }
  return troubled({ kind: 'taken' })
}

/** Removes these mappings of ours at the gateway. Those that cannot be removed stay written down. */
export async function removeMappings(
  journal: MappingJournal,
  { session }: OpenGateway,
  ports: readonly MappedPort[],
  signal: AbortSignal,
): Promise<void> {
  const removals = ports.map(async (port) => ((await session.unmap(port, signal)).ok ? port : undefined))
  for (const port of await Promise.all(removals)) if (port) await journal.forget(port)
}
