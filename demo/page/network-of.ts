import {
  type Network,
  type NetworkNode,
  type NetworkTunnel,
  pairKey,
} from '../../src/registry/page/map/network.ts'
import { type MachineView, type Picture, waysFrom } from '../model.ts'

/** The demo's picture, for the map of the registry's page: machines that have joined. */
export function networkOf({ machines }: Pick<Picture, 'machines'>): Network {
  const joined = machines.filter((machine) => machine.subnet !== undefined)
  return {
    nodes: joined.map(
      ({ name, subnet = name, registry, address, stage }): NetworkNode => ({
        id: subnet,
        name,
        registry,
        address,
        state: stage === 'running' ? 'online' : stage === 'killed' ? 'offline' : 'never-seen',
      }),
    ),
    tunnels: joined.flatMap(({ subnet = '', tunnels }) =>
      tunnels
        .filter(({ role }) => role === 'client')
        .map(({ peer, protocol }): NetworkTunnel => ({ client: subnet, server: peer, protocol })),
    ),
  }
}

/** The way from the registry's node to the one with this subnet name, as subnet names; empty: there is none. */
export function routeTo(subnet: string, picture: Pick<Picture, 'machines'>): readonly string[] {
  const registry = picture.machines.find((machine) => machine.registry)
  const target = picture.machines.find((machine) => machine.subnet === subnet)
  if (registry === undefined || target === undefined) return []
  const way = waysFrom(registry.name, picture).find(({ to }) => to === target.name)
  return way?.complete ? way.hops.flatMap((hop) => subnetOf(hop, picture.machines) ?? []) : []
}

/** The pairs between which packets are lost, as the map takes them. */
export function cutsOf({ cuts, machines }: Pick<Picture, 'cuts' | 'machines'>): ReadonlySet<string> {
  return new Set(
    cuts.flatMap(([one, other]) => {
      const [a, b] = [subnetOf(one, machines), subnetOf(other, machines)]
      return a === undefined || b === undefined ? [] : [pairKey(a, b)]
    }),
  )
}

const subnetOf = (name: string, machines: readonly MachineView[]): string | undefined =>
  machines.find((machine) => machine.name === name)?.subnet
