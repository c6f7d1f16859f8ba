import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { Machine, MachineQuery } from '../../api/schemas/machines.ts'
import { type Column, LongTable } from '../parts/long-table.tsx'
import { Moment } from '../parts/moment.tsx'
import { countText, numberText } from '../parts/numbers.ts'
import { useParameters } from '../parts/place.ts'
import { Problem } from '../parts/problem.tsx'
import { STATE_MEANINGS, STATE_WORDS } from '../parts/state-words.ts'
import { sayWhy } from '../parts/use-answer.ts'
import { CertificateEnd } from './certificate-end.tsx'
import { exportMachines } from './export.ts'
import { MachineFilters } from './machine-filters.tsx'
import { MachinePanel } from './machine-panel.tsx'
import { foundByText, isCommunity, isFiltered, NO_FILTER, queryOf } from './machine-query.ts'
import { type FoundMachines, useMachines } from './use-machines.ts'

/** The machines of the network: searched, sorted and filtered by the registry, loaded as far as one looks. */
export function MachinesView({ mayRevoke }: { readonly mayRevoke: boolean }): JSX.Element {
  const [parameters, change] = useParameters()
  const query = queryOf(parameters)
  const foundBy = foundByText(query)
  const { found, isLooking, problem, more, reload } = useMachines(query)
  const chosen = parameters.get('machine')
  const choose = (machine: string | undefined) => change({ machine }, 'push')
  const filter = (changed: Readonly<Record<string, string | undefined>>) => change(changed, 'replace')
  return (
    <>
      <h1>Machines</h1>
      <div class="bar">
        <MachineFilters parameters={parameters} change={filter} />
        {isFiltered(query) && (
          <button type="button" onClick={() => filter(NO_FILTER)}>
            Show all
          </button>
        )}
        <Export query={query} />
      </div>
      <Problem what={problem} />
      <p class="notice" role="status">
        {isLooking && found === undefined ? 'Asking the registry…' : found && foundText(found)}
        {foundBy !== undefined && `. Only those that ${foundBy}, and whose certificates have not ended`}
        {!isCommunity(parameters.get('community') ?? '') && '. A community is bits, like 0101: this is none'}
      </p>
      <div class="split">
        <div aria-busy={isLooking} class={isLooking ? 'busy' : ''}>
          {found !== undefined && found.items.length === 0 ? (
            <Nothing query={query} />
          ) : (
            <LongTable
              caption="Machines"
              columns={columnsFor(chosen, choose)}
              rows={found?.items ?? []}
              keyOf={({ name, serial }) => `${name} ${serial}`}
              isChosen={({ name }) => name === chosen}
              sorting={{ key: query.sort ?? 'name', descending: query.order === 'descending' }}
              sort={({ key, descending }) =>
                filter({ sort: key, order: descending ? 'descending' : undefined })
              }
            />
          )}
          {found !== undefined && hasNext(found) && (
            <button type="button" disabled={isLooking} onClick={more}>
              Load more
              {!found.isTotalAtLeast && ` (${numberText(found.total - found.items.length)} left)`}
            </button>
          )}
        </div>
        {chosen !== undefined && (
          <MachinePanel
            key={chosen}
            name={chosen}
            {...{ mayRevoke, choose }}
            gone={() => {
              choose(undefined)
              reload()
            }}
            close={() => choose(undefined)}
          />
        )}
      </div>
    </>
  )
}

const hasNext = ({ next, isTotalAtLeast, items, total }: FoundMachines): boolean =>
  next !== undefined && (isTotalAtLeast || items.length < total)

const foundText = ({ total, isTotalAtLeast, isMore }: FoundMachines): string =>
  `${isTotalAtLeast ? 'over ' : ''}${countText(total, 'machine')}${isMore ? ', and perhaps more, which are not exported either: write more of the name or address' : ''}`

/** Why the table is empty, and what to do. */
function Nothing({ query }: { readonly query: MachineQuery }): JSX.Element {
  return (
    <p class="card">
      {isFiltered(query) ? (
        'No machine is like that.'
      ) : (
        <>
          There is no machine yet: <a href="#invitations">invite one</a>.
        </>
      )}
    </p>
  )
}

/** Saves all machines of a query, however many there are. */
function Export({ query }: { readonly query: MachineQuery }): JSX.Element {
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()
  const save = (format: 'csv' | 'json') => {
    setProblem(undefined)
    setBusy(true)
    exportMachines(query, format)
      .catch((error: unknown) => setProblem(sayWhy(error)))
      .finally(() => setBusy(false))
  }
  return (
    <>
      <span class="together">
        <button type="button" disabled={isBusy} onClick={() => save('csv')}>
          Export CSV
        </button>
        <button type="button" disabled={isBusy} onClick={() => save('json')}>
          Export JSON
        </button>
      </span>
      <Problem what={problem} />
    </>
  )
}

const columnsFor = (
  chosen: string | undefined,
  choose: (name: string) => void,
): readonly Column<Machine>[] => [
  {
    key: 'name',
    title: 'Machine',
    isCut: true,
    cell: ({ name, machineName }) => (
      <button type="button" class="link" aria-pressed={name === chosen} onClick={() => choose(name)}>
        {machineName === undefined ? name : `${machineName} (${name})`}
      </button>
    ),
  },
  {
    key: 'state',
    title: 'State',
    cell: ({ state }) => (
      <span class={`state ${state}`} title={STATE_MEANINGS[state]}>
        {STATE_WORDS[state]}
      </span>
    ),
  },
  { key: 'email', title: 'E-mail', isCut: true, cell: ({ email }) => email ?? '–' },
  {
    key: 'lastSeen',
    title: 'Last seen',
    cell: ({ isOnline, lastSeen }) =>
      isOnline ? 'now' : lastSeen === undefined ? '–' : <Moment at={lastSeen} form="ago" />,
  },
  {
    key: 'notAfter',
    title: 'Certificate until',
    cell: ({ notAfter }) => <CertificateEnd at={notAfter} form="day" />,
  },
  { key: 'version', title: 'Version', isCut: true, cell: ({ version }) => version ?? '–' },
  { key: 'country', title: 'Country', cell: ({ place }) => place.country ?? '–' },
  { key: 'serial', title: 'Serial', cell: ({ serial }) => serial },
]
