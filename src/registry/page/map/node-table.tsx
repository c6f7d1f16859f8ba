import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { type Column, LongTable } from '../parts/long-table.tsx'
import { dateOf } from '../parts/time.ts'
import { type Network, type NetworkNode, neighboursOf } from './network.ts'

interface NodeTableProps {
  readonly network: Network
  readonly chosen: string | undefined
  readonly choose: (id: string | undefined) => void
}

/** The map in words: the same nodes, with how many tunnels each has. */
export function NodeTable({ network, chosen, choose }: NodeTableProps): JSX.Element {
  const [wanted, setWanted] = useState('')
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
      { key: 'state', title: 'State', cell: ({ state }) => state },
      { key: 'version', title: 'Version', cell: ({ version }) => version ?? '–' },
      { key: 'country', title: 'Country', cell: ({ country }) => country ?? '–' },
      { key: 'end', title: 'Certificate until', cell: (node) => dateOf(node.certificateEndMs) ?? '–' },
      { key: 'tunnels', title: 'Tunnels', cell: ({ id }) => tunnelsText(id, network) },
    ],
    [network, chosen, choose],
  )
  const rows = useMemo(() => {
    const text = wanted.trim().toLowerCase()
    return network.nodes.filter(({ id, name }) => `${id} ${name}`.toLowerCase().includes(text))
  }, [network.nodes, wanted])
  return (
    <div class="node-table">
      <label class="search">
        Find a node{' '}
        <input type="search" value={wanted} onInput={({ currentTarget }) => setWanted(currentTarget.value)} />
      </label>
      <LongTable
        caption="Nodes of the map"
        columns={columns}
        rows={rows}
        keyOf={({ id }) => id}
        isChosen={({ id }) => id === chosen}
      />
    </div>
  )
}

function tunnelsText(id: string, network: Network): string {
  const neighbours = neighboursOf(id, network)
  const out = neighbours.filter(({ direction }) => direction === 'out').length
  return `${out} opened, ${neighbours.length - out} accepted`
}
