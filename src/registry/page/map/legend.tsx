import type { JSX } from 'preact'
import { numberText } from '../parts/numbers.ts'
import { useDark } from '../parts/use-media.ts'
import { inMode, type LegendEntry } from './colouring.ts'
import { shapePath } from './shapes.ts'

interface LegendProps {
  readonly entries: readonly LegendEntry[]
  /** Whether shapes are drawn, too: elsewhere, numbers stand beside colours. */
  readonly hasShapes: boolean
  /** Whether a node is chosen, of which lines are drawn. */
  readonly hasChosen: boolean
}

/** What colours, shapes and lines mean, and how many nodes have each. */
export function Legend({ entries, hasShapes, hasChosen }: LegendProps): JSX.Element {
  const mode = useDark() ? 'dark' : 'light'
  return (
    <ul class="legend" aria-label="Legend">
      {entries.map(({ label, colour, count }) => (
        <li key={label}>
          <svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true">
            <path d={shapePath(hasShapes ? colour.shape : 'disc', 5.5)} fill={inMode(colour, mode)} />
          </svg>{' '}
          {label} <span class="count">{numberText(count)}</span>
        </li>
      ))}
      {hasChosen && (
        <>
          <li>
            <svg class="lines" width="24" height="12" aria-hidden="true">
              <path class="route" d="M0 6H24" />
            </svg>{' '}
            way from the registry
          </li>
          <li>
            <svg class="lines" width="24" height="12" aria-hidden="true">
              <path class="own" d="M0 6H24" />
            </svg>{' '}
            its tunnels
          </li>
        </>
      )}
    </ul>
  )
}
