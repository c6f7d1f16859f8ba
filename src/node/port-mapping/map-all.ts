import { reachableAddress } from '../../core/port-mapping/external-address.ts'
import { LEASE_SECONDS, type MappedPort } from '../../core/port-mapping/mapping.ts'
import { type GatewayAnswer, granted } from '../../core/port-mapping/trouble.ts'
import type { Random } from '../../core/random.ts'
import { makeMapping, type OpenGateway, removeMappings } from './gateway-mappings.ts'
import type { MappingJournal } from './mapping-journal.ts'

interface MapAllInit {
  readonly journal: MappingJournal
  readonly open: OpenGateway
  readonly ports: readonly Pick<MappedPort, 'protocol' | 'internalPort'>[]
  readonly random: Random
  readonly signal: AbortSignal
}

/** What a gateway does for us. */
interface AllMapped {
  /** Its address on the Internet; undefined: it says that it has none, and the NAT in front of it may send us everything. */
  readonly externalAddress: string | undefined
  /** One for each port that it was asked for. */
  readonly ports: readonly MappedPort[]
  /** Of the mapping that ends first. */
  readonly leaseSeconds: number
}

type Refusal = Extract<GatewayAnswer<unknown>, { ok: false }>

/** Makes or renews mappings of all these ports; none of them stays if that does not work. */
export async function mapAll(init: MapAllInit): Promise<GatewayAnswer<AllMapped>> {
  const { journal, open, random, signal } = init
  const ports: MappedPort[] = []
  let leaseSeconds = LEASE_SECONDS
  for (const port of init.ports) {
    const mapped = await makeMapping(journal, open, port, random, signal)
    if (!mapped.ok) return giveUp(init, await explained(init, mapped))
    const { protocol, internalPort, externalPort } = mapped.value
    ports.push({ protocol, internalPort, externalPort })
    if (mapped.value.leaseSeconds > 0) leaseSeconds = Math.min(leaseSeconds, mapped.value.leaseSeconds)
  }
  const reachable = await externalAddress(init)
  if (reachable.ok) return granted({ externalAddress: reachable.value, ports, leaseSeconds })
  // The NAT in front of it may be set to send it everything: only who tries from outside can tell, at the address at
  // which peers see us.
  return isBehindNat(reachable)
    ? granted({ externalAddress: undefined, ports, leaseSeconds })
    : giveUp(init, reachable)
}

async function giveUp({ journal, open, signal }: MapAllInit, answer: Refusal): Promise<Refusal> {
  // A gateway that is silent is not bothered: it may have restarted, and get them anew.
  if (answer.trouble.kind !== 'silent')
    await removeMappings(journal, open, journal.portsAt(open.gateway), signal)
  return answer
}

/** Many gateways that are behind NAT themselves do not forward, and only their address tells why. */
async function explained(init: MapAllInit, answer: Refusal): Promise<Refusal> {
  if (answer.trouble.kind !== 'refused' && answer.trouble.kind !== 'unable') return answer
  const reachable = await externalAddress(init)
  return !reachable.ok && isBehindNat(reachable) ? reachable : answer
}

async function externalAddress({ open, signal }: MapAllInit): Promise<GatewayAnswer<string>> {
  const external = await open.session.externalAddress(signal)
  return external.ok ? reachableAddress(external.value) : external
}

/** It has said its address, which is none of the Internet. */
const isBehindNat = ({ trouble }: Refusal): boolean =>
  trouble.kind === 'behind-nat' && trouble.address !== undefined
