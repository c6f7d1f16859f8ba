import type { JSX } from 'preact'
import { MACHINE_SEARCH_LENGTH } from '../../../core/values/machine-query-bounds.ts'
import { MACHINE_STATES } from '../../../core/values/machine-states.ts'
import { Choice } from '../parts/choice.tsx'
import { DelayedInput } from '../parts/delayed-input.tsx'
import { STATE_WORDS } from '../parts/state-words.ts'
import { isCommunity } from './machine-query.ts'

interface MachineFiltersProps {
  /** As the address has them. */
  readonly parameters: ReadonlyMap<string, string>
  readonly change: (changed: Readonly<Record<string, string>>) => void
}

/** What machines are searched and filtered by. */
export function MachineFilters({ parameters, change }: MachineFiltersProps): JSX.Element {
  const given = (name: string) => parameters.get(name) ?? ''
  return (
    <>
      <DelayedInput
        label="Search"
        placeholder="name, e-mail, subnet, address, serial"
        maxLength={MACHINE_SEARCH_LENGTH}
        value={given('search')}
        change={(search) => change({ search })}
      />
      <Choice
        label="State"
        names={MACHINE_STATES}
        words={STATE_WORDS}
        value={given('state')}
        change={(state) => change({ state })}
        hasAll
      />
      <DelayedInput
        label="Community"
        class="short"
        placeholder="first bits"
        isInvalid={!isCommunity(given('community'))}
        value={given('community')}
        change={(community) => change({ community })}
      />
      <DelayedInput
        label="Country"
        class="code"
        placeholder="FR"
        maxLength={2}
        value={given('country')}
        change={(country) => change({ country: country.toUpperCase() })}
      />
    </>
  )
}
