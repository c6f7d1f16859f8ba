import type {
  TopologyChange,
  TopologyNode,
  TopologySnapshot,
  TopologyTunnel,
} from '../api/schemas/network.ts'
import type { Network, NetworkNode } from './map/network.ts'

type Snapshot = Pick<TopologySnapshot, 'nodes' | 'tunnels'>

/** The topology after a change. */
export function afterChange(
  { nodes, tunnels }: Snapshot,
  change: Omit<TopologyChange, 'revision' | 'at'>,
): Snapshot {
  const byName = new Map(nodes.map((node) => [node.name, node]))
  for (const node of change.nodes) byName.set(node.name, node)
  for (const name of change.gone) byName.delete(name)
  const byEnds = new Map(tunnels.map((tunnel) => [endsOf(tunnel), tunnel]))
  for (const tunnel of change.tunnelsMade) byEnds.set(endsOf(tunnel), tunnel)
  for (const tunnel of change.tunnelsEnded) byEnds.delete(endsOf(tunnel))
  return { nodes: [...byName.values()], tunnels: [...byEnds.values()] }
}

const endsOf = ({ client, server }: TopologyTunnel): string => `${client} ${server}`

/** For the map. @param registry name of the registry's own machine */
export const networkOf = ({ nodes, tunnels }: Snapshot, registry: string | undefined): Network => ({
  nodes: nodes.map((node) => nodeOf(node, registry)),
  tunnels,
})

function nodeOf(node: TopologyNode, registry: string | undefined): NetworkNode {
  const { name, state, version, country, latitude, longitude, notBefore, notAfter, machineName } = node
  return {
    id: name,
    name: machineName ?? name,
    state,
    registry: name === registry,
    version,
    country,
    place: latitude === undefined || longitude === undefined ? undefined : { latitude, longitude },
    certificateBeginMs: notBefore === undefined ? undefined : Date.parse(notBefore),
    certificateEndMs: notAfter === undefined ? undefined : Date.parse(notAfter),
  }
}
