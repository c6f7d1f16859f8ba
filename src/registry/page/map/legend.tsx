import type { JSX } from 'preact'
import { useDark } from '../parts/use-media.ts'
import type { LegendEntry } from './colouring.ts'

/** What the colours mean, and how many nodes have each. */
export function Legend({ entries }: { readonly entries: readonly LegendEntry[] }): JSX.Element {
  const dark = useDark()
  return (
    <ul class="legend" aria-label="Legend">
      {entries.map(({ label, colour, count }) => (
        <li key={label}>
          <svg width="12" height="12" aria-hidden="true">
            <circle cx="6" cy="6" r="6" fill={colour[dark ? 'dark' : 'light']} />
          </svg>{' '}
          {label} <span class="count">{count}</span>
        </li>
      ))}
    </ul>
  )
}
