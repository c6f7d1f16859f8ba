import type { MachineQuery } from '../../api/schemas/machines.ts'
import { call, pathOf } from '../api.ts'

/**
 * Saves the machines of a query as a file: the browser writes what the registry sends, however much it is.
 * @throws ApiFailure with what to tell whoever looks
 */
export async function exportMachines(query: MachineQuery, format: 'csv' | 'json'): Promise<void> {
  // Of what is wrong a download says nothing.
  await call('machines', { query: { ...query, limit: 1 } })
  const link = document.createElement('a')
  link.href = pathOf(`/exports/machines.${format}`, query)
  link.download = `machines.${format}`
  link.click()
}
