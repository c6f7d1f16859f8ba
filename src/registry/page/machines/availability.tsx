import type { JSX } from 'preact'
import type { MachineHistory } from '../../api/schemas/machines.ts'

type Days = MachineHistory['availability']

/** How much of each day a machine was there: a bar for each, none where nobody has looked. */
export function Availability({ days }: { readonly days: Days }): JSX.Element {
  return (
    <svg
      class="availability"
      role="img"
      aria-label={describeAvailability(days)}
      viewBox={`0 0 ${Math.max(1, days.length) * 4} 32`}
      preserveAspectRatio="none"
    >
      {days.map(({ day, share }, at) => (
        <rect
          key={day}
          class={share === undefined ? 'unknown' : share > 0.99 ? 'whole' : share > 0.5 ? 'part' : 'little'}
          x={at * 4}
          width={3}
          y={share === undefined ? 30 : 32 - Math.max(2, share * 32)}
          height={share === undefined ? 2 : Math.max(2, share * 32)}
        >
          <title>{`${day}: ${share === undefined ? 'not known' : `${(share * 100).toFixed(1)} %`}`}</title>
        </rect>
      ))}
    </svg>
  )
}

/** The same in words. */
export function describeAvailability(days: Days): string {
  const known = days.flatMap(({ share }) => (share === undefined ? [] : [share]))
  if (known.length === 0) return 'Availability: nothing is known yet'
  const mean = known.reduce((sum, share) => sum + share, 0) / known.length
  return `Availability: ${(mean * 100).toFixed(1)} % of the last ${known.length} days that are known`
}
