import { MACHINE_SORT_KEYS } from '../../../core/values/machine-sort-keys.ts'
import { MACHINE_STATES } from '../../../core/values/machine-states.ts'
import type { MachineQuery } from '../../api/schemas/machines.ts'

/** What of the table's address is no community: bits, like `0101`. */
export const isCommunity = (text: string): boolean => /^[01]{0,128}$/.test(text)

/** Which machines an address asks for: what it may not say is left out. */
export function queryOf(parameters: ReadonlyMap<string, string>): MachineQuery {
  const [search = '', community = '', country = ''] = ['search', 'community', 'country'].map(
    (name) => parameters.get(name)?.trim() ?? '',
  )
  const state = MACHINE_STATES.find((one) => one === parameters.get('state'))
  return {
    ...(search === '' ? {} : { search }),
    ...(state === undefined ? {} : { state }),
    ...(community !== '' && isCommunity(community) ? { community } : {}),
    ...(/^[A-Z]{2}$/.test(country) ? { country } : {}),
    sort: MACHINE_SORT_KEYS.find((one) => one === parameters.get('sort')) ?? 'name',
    order: parameters.get('order') === 'descending' ? 'descending' : 'ascending',
  }
}

/** Whether it asks for some machines only. */
export const isFiltered = ({ search, state, community, country }: MachineQuery): boolean =>
  [search, state, community, country].some((one) => one !== undefined)
