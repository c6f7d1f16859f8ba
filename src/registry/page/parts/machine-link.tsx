import type { JSX } from 'preact'
import { hashOfMachine } from './address.ts'

/** A machine, by its name in the network: leads to all that is known of it. */
export function MachineLink({ name }: { readonly name: string }): JSX.Element {
  return <a href={hashOfMachine(name)}>{name}</a>
}

/** Several of them, in a list that scrolls where it is long. */
export function MachineLinks({ names }: { readonly names: readonly string[] }): JSX.Element {
  return (
    <ul class="many">
      {names.map((name) => (
        <li key={name}>
          <MachineLink name={name} />
        </li>
      ))}
    </ul>
  )
}
