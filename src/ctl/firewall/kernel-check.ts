import { randomInt } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { TunnelReply } from '../../core/control/replies.ts'
import { Re6stError } from '../../core/errors.ts'
import { judge, marksFrom, trialsOf, type Verdict } from '../../core/firewall/judgement.ts'
import type { Packet } from '../../core/firewall/permission.ts'
import { permissionsOf } from '../../core/firewall/permissions.ts'
import { type Probe, probesOf, stillHolds } from '../../core/firewall/probe.ts'
import type { Partner } from '../../core/firewall/probe-table.ts'
import { bareHost, isLoopback, portOf, type Surroundings } from '../../core/firewall/surroundings.ts'
import { type TrialComponents, tryPackets } from './kernel-trial.ts'
import { machineAddresses } from './machine-addresses.ts'

/** To no program: it tells whether the kernel's trace is heard. */
const BEACON: Packet = {
  hook: 'output',
  family: 'ipv4',
  protocol: 'udp',
  oif: 'lo',
  saddr: '127.0.0.1',
  daddr: '127.0.0.1',
  dport: 9,
}

/**
 * Asks the kernel of this machine what it does with packets of each kind that the node needs.
 * @param tunnels those of the node, if it runs
 * @param meanwhile makes the registry and neighbours talk
 * @throws Re6stError when it cannot be tried
 */
export async function checkKernel(
  surroundings: Surroundings,
  tunnels: readonly TunnelReply[],
  meanwhile: () => Promise<void>,
  components: TrialComponents,
): Promise<Verdict> {
  const machine = await machineAddresses(surroundings, components.processes)
  const mark = marksFrom(randomInt(0xffff))
  const beacon = (): Probe => {
    const [probe] = unwrap(probesOf(BEACON, machine, mark))
    if (probe === undefined) throw new Re6stError('SYSTEM', 'the interface lo is missing')
    return probe
  }
  const beacons = [beacon(), beacon()] as const
  const trials = trialsOf(permissionsOf(surroundings), machine, mark)
  const probes = trials.flatMap((trial) => trial.probes)
  const partners = [
    ...(await registryPartners(surroundings.options.registry)),
    ...tunnels.flatMap(tunnelPartner),
  ]
  const answers = await tryPackets({ probes, beacons, partners, meanwhile }, components)
  const after = await machineAddresses(surroundings, components.processes)
  return judge(trials, { ...answers, holds: (probe) => stillHolds(probe, machine, after) })
}

function unwrap<T>(
  result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string },
): T {
  if (result.ok) return result.value
  throw new Re6stError('SYSTEM', `packets cannot be tried here: ${result.reason}`)
}

/** None for a registry on this machine, and for one whose name is not known now. */
async function registryPartners(url: URL): Promise<readonly Partner[]> {
  const host = bareHost(url.hostname)
  if (isLoopback(host)) return []
  const found = isIP(host) === 0 ? await lookup(host, { all: true }).catch(() => []) : [{ address: host }]
  return found.map(({ address }) => ({ address, port: portOf(url), protocol: 'tcp', role: 'server' }))
}

/** The other end of a tunnel, outside of the network. */
function tunnelPartner({ direction, protocol, underlay }: TunnelReply): Partner[] {
  const [, address = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(underlay ?? '') ?? []
  if (protocol === null || isIP(address) === 0) return []
  return [
    {
      address,
      port: Number(port),
      protocol: protocol.startsWith('udp') ? 'udp' : 'tcp',
      role: direction === 'client' ? 'server' : 'client',
    },
  ]
}
