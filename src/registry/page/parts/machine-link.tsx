import type { JSX } from 'preact'
import type { MachineQuery } from '../../api/schemas/machines.ts'
import { hashOf, hashOfMachine } from './address.ts'
import { countText, numberText } from './numbers.ts'

interface MachineLinkProps {
  readonly name: string
  /** What one is asked stays as it is. */
  readonly inNewTab?: boolean
}

/** A machine, by its name in the network: leads to all that is known of it. */
export function MachineLink({ name, inNewTab = false }: MachineLinkProps): JSX.Element {
  return <a {...linkTo(hashOfMachine(name), inNewTab)}>{name}</a>
}

const linkTo = (hash: string, inNewTab: boolean): JSX.IntrinsicElements['a'] =>
  inNewTab ? { href: `./${hash}`, target: '_blank', rel: 'noopener' } : { href: hash }

interface MachineLinksProps {
  readonly names: readonly string[]
  /** How many there are. */
  readonly count: number
  /** What finds all of them. */
  readonly query: MachineQuery
}

/** Several of them, in a list that scrolls where it is long, and the way to all. */
export function MachineLinks({ names, count, query }: MachineLinksProps): JSX.Element {
  return (
    <>
      <ul class="many">
        {names.map((name) => (
          <li key={name}>
            <MachineLink name={name} />
          </li>
        ))}
      </ul>
      <AllMachines count={count} shown={names.length} query={query} />
    </>
  )
}

/** The way to all machines of a query, in the table that has them page by page and exports them. */
export function AllMachines({
  count,
  shown,
  query,
  inNewTab = false,
}: {
  readonly count: number
  readonly shown: number
  readonly query: MachineQuery
  readonly inNewTab?: boolean
}): JSX.Element {
  const parameters = Object.entries(query).map(([name, value]) => [name, String(value)] as const)
  return (
    <p>
      {shown < count && `The first ${numberText(shown)}. `}
      <a {...linkTo(hashOf('machines', parameters), inNewTab)}>
        {count === 1 ? 'It is in the table of machines' : `All ${countText(count, 'machine')} in the table`}
      </a>
      {inNewTab && ' (in a new tab)'}, from where {count === 1 ? 'it' : 'they'} can be exported.
    </p>
  )
}
