import type { JSX } from 'preact'

/** One of some names is chosen, each shown by its word; where all may be wanted, they are the empty name. */
export function Choice<Name extends string>({
  label,
  names,
  words,
  value,
  change,
  hasAll = false,
}: {
  readonly label: string
  readonly names: readonly Name[]
  readonly words: Readonly<Record<Name, string>>
  readonly value: string
  readonly change: (name: string) => void
  readonly hasAll?: boolean
}): JSX.Element {
  return (
    <label>
      {label}{' '}
      <select value={value} onChange={({ currentTarget }) => change(currentTarget.value)}>
        {hasAll && <option value="">all</option>}
        {names.map((name) => (
          <option key={name} value={name}>
            {words[name]}
          </option>
        ))}
      </select>
    </label>
  )
}
