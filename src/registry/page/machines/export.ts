import { jsonText } from '../../../core/json-text.ts'
import type { Machine, MachineQuery } from '../../api/schemas/machines.ts'
import { call } from '../api.ts'
import { csvOf } from '../csv.ts'

/** As many as the API gives at once. */
const PAGE = 1_000

/** All machines of a query, page by page. */
async function allMachines(query: MachineQuery): Promise<readonly Machine[]> {
  const machines: Machine[] = []
  for (;;) {
    const { items, total } = await call('machines', {
      query: { ...query, offset: machines.length, limit: PAGE },
    })
    machines.push(...items)
    if (items.length === 0 || machines.length >= total) return machines
  }
}

const COLUMNS = [
  'name',
  'machineName',
  'email',
  'state',
  'subnet',
  'address',
  'serial',
  'notAfter',
  'lastSeen',
  'version',
  'platform',
  'community',
] as const

/** Saves the machines of a query as a file. */
export async function exportMachines(query: MachineQuery, format: 'csv' | 'json'): Promise<void> {
  const machines = await allMachines(query)
  const text =
    format === 'json'
      ? jsonText(machines)
      : csvOf([
          [...COLUMNS, 'country'],
          ...machines.map((machine) => [...COLUMNS.map((column) => machine[column]), machine.place.country]),
        ])
  const link = document.createElement('a')
  link.href = URL.createObjectURL(
    new Blob([text], { type: format === 'json' ? 'application/json' : 'text/csv' }),
  )
  link.download = `machines.${format}`
  link.click()
  URL.revokeObjectURL(link.href)
}
