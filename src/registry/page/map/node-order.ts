import type { Sorting } from '../parts/sorting.ts'
import type { NetworkNode, TunnelCounts } from './network.ts'

/** What nodes can be sorted by. */
const KEYS: Readonly<Record<string, (node: NetworkNode, counts: TunnelCounts) => string | number>> = {
  name: ({ name }) => name,
  id: ({ id }) => id,
  state: ({ state }) => state,
  version: ({ version }) => version ?? '',
  country: ({ country }) => country ?? '',
  begin: ({ certificateBeginMs }) => certificateBeginMs ?? 0,
  end: ({ certificateEndMs }) => certificateEndMs ?? 0,
  tunnels: ({ id }, counts) => {
    const { opened, accepted } = counts.get(id) ?? { opened: 0, accepted: 0 }
    return opened + accepted
  },
}

/** As people count: 2/16 is before 10/16. */
const order = new Intl.Collator('en', { numeric: true })

/** The nodes in the order of one of their properties; equal ones by name. */
export function sortedNodes(
  nodes: readonly NetworkNode[],
  { key, descending }: Sorting,
  counts: TunnelCounts,
): readonly NetworkNode[] {
  const keyOf = KEYS[key]
  if (keyOf === undefined) return nodes
  const sign = descending ? -1 : 1
  return nodes
    .map((node) => ({ node, by: keyOf(node, counts) }))
    .sort((one, other) => sign * compared(one.by, other.by) || order.compare(one.node.name, other.node.name))
    .map(({ node }) => node)
}

const compared = (one: string | number, other: string | number): number =>
  typeof one === 'number' && typeof other === 'number'
    ? one - other
    : order.compare(String(one), String(other))
