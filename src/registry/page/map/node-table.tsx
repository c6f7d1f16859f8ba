import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { type Column, LongTable } from '../parts/long-table.tsx'
import { countText, numberText } from '../parts/numbers.ts'
import type { Sorting } from '../parts/sorting.ts'
import { STATE_WORDS } from '../parts/state-words.ts'
import { dateOf } from '../parts/time.ts'
import { type Network, type NetworkNode, type TunnelCounts, tunnelCounts } from './network.ts'
import { sortedNodes } from './node-order.ts'

interface NodeTableProps {
  readonly network: Network
  readonly chosen: string | undefined
  readonly choose: (id: string | undefined) => void
}

/** The map in words: the same nodes, with how many tunnels each has. */
export function NodeTable({ network, chosen, choose }: NodeTableProps): JSX.Element {
  const [wanted, setWanted] = useState('')
  const [sorting, sort] = useState<Sorting>({ key: 'name', descending: false })
  const counts = useMemo(() => tunnelCounts(network), [network])
  const columns: readonly Column<NetworkNode>[] = useMemo(
    () => [
      {
        key: 'name',
        title: 'Name',
        isCut: true,
        cell: ({ id, name }) => (
          <button type="button" class="link" aria-pressed={id === chosen} onClick={() => choose(id)}>
            {name}
          </button>
        ),
      },
      { key: 'id', title: 'Subnet', cell: ({ id }) => id },
      { key: 'state', title: 'State', cell: ({ state }) => STATE_WORDS[state] },
      { key: 'version', title: 'Version', cell: ({ version }) => version ?? '–' },
      { key: 'country', title: 'Country', cell: ({ country }) => country ?? '–' },
      { key: 'begin', title: 'Certificate from', cell: (node) => dateOf(node.certificateBeginMs) ?? '–' },
      { key: 'end', title: 'Certificate until', cell: (node) => dateOf(node.certificateEndMs) ?? '–' },
      { key: 'tunnels', title: 'Tunnels', cell: ({ id }) => tunnelsText(id, counts) },
    ],
    [counts, chosen, choose],
  )
  const rows = useMemo(() => {
    const text = wanted.trim().toLowerCase()
    const found = network.nodes.filter(({ id, name }) => `${id} ${name}`.toLowerCase().includes(text))
    return sortedNodes(found, sorting, counts)
  }, [network.nodes, wanted, sorting, counts])
  return (
    <div class="node-table">
      <label class="search">
        Find a node{' '}
        <input type="search" value={wanted} onInput={({ currentTarget }) => setWanted(currentTarget.value)} />
      </label>
      <p class="notice" role="status">
        {rows.length === network.nodes.length
          ? countText(rows.length, 'node')
          : `${numberText(rows.length)} of ${countText(network.nodes.length, 'node')}`}
      </p>
      <LongTable
        caption="Nodes of the map"
        columns={columns}
        rows={rows}
        keyOf={({ id }) => id}
        isChosen={({ id }) => id === chosen}
        {...{ sorting, sort }}
      />
    </div>
  )
}

function tunnelsText(id: string, counts: TunnelCounts): string {
  const { opened, accepted } = counts.get(id) ?? { opened: 0, accepted: 0 }
  return `${opened} opened, ${accepted} accepted`
}
