import type { JSX } from 'preact'
import { useCallback, useEffect, useState } from 'preact/hooks'
import { MACHINE_STATES, type MachineState } from '../../../core/values/machine-states.ts'
import type { Machine, MachineQuery } from '../../api/schemas/machines.ts'
import { call } from '../api.ts'
import { type Column, LongTable, type Sorting } from '../parts/long-table.tsx'
import { Problem } from '../parts/problem.tsx'
import { dateOfText } from '../parts/time.ts'
import { sayWhy } from '../parts/use-answer.ts'
import { useSessionBegun } from '../parts/use-session-begun.ts'
import { exportMachines } from './export.ts'
import { MachinePanel } from './machine-panel.tsx'

const PAGE = 500
/** So long nobody types: then it is looked for. */
const PAUSE_MS = 250

/** What is in the table, and how many there are of it. */
interface FoundMachines {
  readonly total: number
  readonly isTotalAtLeast: boolean
  readonly items: readonly Machine[]
  /** Where the next page begins; undefined: there is none. */
  readonly next: string | undefined
  readonly isMore: boolean
}

const NONE: FoundMachines = { total: 0, isTotalAtLeast: false, items: [], next: undefined, isMore: false }

/** The machines of the network: searched, sorted and filtered by the registry, loaded as far as one looks. */
export function MachinesView({ mayRevoke }: { readonly mayRevoke: boolean }): JSX.Element {
  const [search, setSearch] = useState('')
  const [state, setState] = useState<MachineState>()
  const [community, setCommunity] = useState('')
  const [sorting, sort] = useState<Sorting>({ key: 'name', descending: false })
  const [chosen, choose] = useState<string>()
  const [found, setFound] = useState(NONE)
  const [problem, setProblem] = useState<string>()
  const isCommunity = /^[01]*$/.test(community)
  const query: MachineQuery = {
    ...(search.trim() === '' ? {} : { search: search.trim() }),
    ...(state === undefined ? {} : { state }),
    ...(isCommunity && community !== '' ? { community } : {}),
    sort: sorting.key as NonNullable<MachineQuery['sort']>,
    order: sorting.descending ? 'descending' : 'ascending',
  }
  const asked = JSON.stringify(query)
  const load = useCallback(
    async (after: string | undefined, isWanted: () => boolean) => {
      try {
        const query = { ...JSON.parse(asked), limit: PAGE, ...(after === undefined ? {} : { after }) }
        const page = await call('machines', { query })
        if (!isWanted()) return
        setProblem(undefined)
        setFound((before) => ({
          total: page.total,
          isTotalAtLeast: page.isTotalAtLeast ?? false,
          isMore: page.isMore ?? false,
          // Of two clicks, the second has asked for the same.
          items:
            after === undefined
              ? page.items
              : before.next === after
                ? [...before.items, ...page.items]
                : before.items,
          next: after === undefined || before.next === after ? page.next : before.next,
        }))
      } catch (error) {
        if (isWanted()) setProblem(sayWhy(error))
      }
    },
    [asked],
  )
  useEffect(() => {
    let wanted = true
    const timer = setTimeout(() => load(undefined, () => wanted), PAUSE_MS)
    return () => {
      wanted = false
      clearTimeout(timer)
    }
  }, [load])
  const reload = useCallback(() => {
    load(undefined, () => true)
  }, [load])
  useSessionBegun(reload)
  const gone = () => {
    choose(undefined)
    reload()
  }
  const save = (format: 'csv' | 'json') =>
    exportMachines(query, format).catch((error: unknown) => setProblem(sayWhy(error)))
  const columns: readonly Column<Machine>[] = [
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
    { key: 'state', title: 'State', cell: ({ state: its }) => <span class={`state ${its}`}>{its}</span> },
    { key: 'email', title: 'E-mail', isCut: true, cell: ({ email }) => email ?? '–' },
    { key: 'serial', title: 'Serial', cell: ({ serial }) => serial },
    { key: 'notAfter', title: 'Certificate until', cell: ({ notAfter }) => dateOfText(notAfter) },
    {
      key: 'lastSeen',
      title: 'Last seen',
      cell: ({ lastSeen }) => (lastSeen === undefined ? '–' : dateOfText(lastSeen)),
    },
    { key: 'version', title: 'Version', cell: ({ version }) => version ?? '–' },
    { key: 'country', title: 'Country', cell: ({ place }) => place.country ?? '–' },
  ]
  return (
    <>
      <h1>Machines</h1>
      <div class="bar">
        <label>
          Search{' '}
          <input
            type="search"
            placeholder="name, e-mail, subnet, address, serial"
            value={search}
            onInput={({ currentTarget }) => setSearch(currentTarget.value)}
          />
        </label>
        <label>
          State{' '}
          <select
            value={state ?? ''}
            onChange={({ currentTarget }) =>
              setState(MACHINE_STATES.find((one) => one === currentTarget.value))
            }
          >
            <option value="">all</option>
            {MACHINE_STATES.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </label>
        <label>
          Community{' '}
          <input
            class="short"
            placeholder="first bits"
            value={community}
            aria-invalid={!isCommunity}
            onInput={({ currentTarget }) => setCommunity(currentTarget.value.trim())}
          />
        </label>
        <button type="button" onClick={() => save('csv')}>
          Export CSV
        </button>
        <button type="button" onClick={() => save('json')}>
          Export JSON
        </button>
      </div>
      <Problem what={problem} />
      <p class="notice" role="status">
        {found.isTotalAtLeast && 'over '}
        {found.total} {found.total === 1 ? 'machine' : 'machines'}
        {!isCommunity && '. A community is bits, like 0101: this is none'}
        {found.isMore &&
          ', and perhaps more, which are not exported either: write more of the name or address'}
      </p>
      <div class="split">
        <div>
          <LongTable
            caption="Machines"
            columns={columns}
            rows={found.items}
            keyOf={({ name, serial }) => `${name} ${serial}`}
            isChosen={({ name }) => name === chosen}
            sorting={sorting}
            sort={sort}
          />
          {found.next !== undefined && (found.isTotalAtLeast || found.items.length < found.total) && (
            <button type="button" onClick={() => load(found.next, () => true)}>
              Load more
              {!found.isTotalAtLeast && ` (${found.total - found.items.length} left)`}
            </button>
          )}
        </div>
        {chosen !== undefined && (
          <MachinePanel
            key={chosen}
            name={chosen}
            {...{ mayRevoke, gone, choose }}
            close={() => choose(undefined)}
          />
        )}
      </div>
    </>
  )
}
