import { IMPLEMENTATION_NAMES, IMPLEMENTATIONS } from '../../../core/values/implementations.ts'
import {
  MACHINE_QUERY_BOUNDS,
  MACHINE_SEARCH_LENGTH,
  WANTED_AUTHORITY,
} from '../../../core/values/machine-query-bounds.ts'
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
  const number = (name: keyof typeof MACHINE_QUERY_BOUNDS) => {
    const text = parameters.get(name) ?? ''
    const { minimum, maximum } = MACHINE_QUERY_BOUNDS[name]
    const isWithin = /^\d{1,10}$/.test(text) && Number(text) >= minimum && Number(text) <= maximum
    return isWithin ? { [name]: Number(text) } : {}
  }
  const authority = parameters.get('authority') ?? ''
  const implementation = IMPLEMENTATIONS.find((one) => one === parameters.get('implementation'))
  const state = MACHINE_STATES.find((one) => one === parameters.get('state'))
  return {
    ...(search === '' ? {} : { search: search.slice(0, MACHINE_SEARCH_LENGTH) }),
    ...(state === undefined ? {} : { state }),
    ...(community !== '' && isCommunity(community) ? { community } : {}),
    ...(/^[A-Z]{2}$/.test(country) ? { country } : {}),
    ...(parameters.get('configuration') === 'behind' ? { configuration: 'behind' } : {}),
    ...(WANTED_AUTHORITY.test(authority) ? { authority } : {}),
    ...(implementation === undefined ? {} : { implementation }),
    ...number('protocolBelow'),
    ...number('subjectSerialFrom'),
    sort: MACHINE_SORT_KEYS.find((one) => one === parameters.get('sort')) ?? 'name',
    order: parameters.get('order') === 'descending' ? 'descending' : 'ascending',
  }
}

/** What is asked for by links of other views, and by no field: what people read of it. */
const FOUND_BY: {
  readonly [Name in FoundBy]: (value: NonNullable<MachineQuery[Name]>) => string
} = {
  configuration: () => 'have not asked for the present configuration',
  authority: (fingerprint) =>
    fingerprint === 'unknown'
      ? 'do not say which certificate of the authority they have'
      : `have the certificate ${fingerprint.slice(0, 'sha256:'.length + 11)}… of the authority`,
  protocolBelow: (protocol) => `speak a protocol before ${protocol}`,
  implementation: (whose) => `run ${IMPLEMENTATION_NAMES[whose]}`,
  subjectSerialFrom: (first) => `have serial numbers in their subjects from ${first} on`,
}
type FoundBy = 'configuration' | 'authority' | 'protocolBelow' | 'implementation' | 'subjectSerialFrom'
const FOUND_BY_NAMES = Object.keys(FOUND_BY) as FoundBy[]

/** What a query asks for by no field, in words; undefined: nothing. */
export function foundByText(query: MachineQuery): string | undefined {
  const texts = FOUND_BY_NAMES.flatMap((name) => {
    const value = query[name]
    const say = FOUND_BY[name] as (value: string | number) => string
    return value === undefined ? [] : [say(value)]
  })
  return texts.length === 0 ? undefined : texts.join(', and ')
}

/** All that a query may ask for, as parameters of the address without any. */
export const NO_FILTER: Readonly<Record<string, string>> = Object.fromEntries(
  ['search', 'state', 'community', 'country', ...FOUND_BY_NAMES].map((name) => [name, '']),
)

/** Whether it asks for some machines only. */
export const isFiltered = (query: MachineQuery): boolean =>
  Object.keys(NO_FILTER).some((name) => query[name as keyof MachineQuery] !== undefined)
