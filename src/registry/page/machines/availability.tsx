import type { JSX } from 'preact'
import type { MachineHistory } from '../../api/schemas/machines.ts'

type Days = MachineHistory['availability']

/** Less than that of a day is told apart. */
const WHOLE = 0.99

/** How much of each day a machine was there: a bar for each, none where nobody has looked; and in words. */
export function Availability({ days }: { readonly days: Days }): JSX.Element {
  const missed = days.filter(({ share }) => share !== undefined && share <= WHOLE).reverse()
  return (
    <>
      <svg
        class="availability"
        aria-hidden="true"
        viewBox={`0 0 ${Math.max(1, days.length) * 4} 32`}
        preserveAspectRatio="none"
      >
        {days.map(({ day, share }, at) => (
          <rect
            key={day}
            class={
              share === undefined ? 'unknown' : share > WHOLE ? 'whole' : share > 0.5 ? 'part' : 'little'
            }
            x={at * 4}
            width={3}
            y={share === undefined ? 30 : 32 - Math.max(2, share * 32)}
            height={share === undefined ? 2 : Math.max(2, share * 32)}
          >
            <title>{dayText(day, share)}</title>
          </rect>
        ))}
      </svg>
      <p class="ends" aria-hidden="true">
        <span>{days[0]?.day}</span>
        <span>today</span>
      </p>
      <p class="notice">{describeAvailability(days)}</p>
      {missed.length > 0 && (
        <details>
          <summary>Days on which it was missed ({missed.length})</summary>
          <ul class="unbounded">
            {missed.map(({ day, share }) => (
              <li key={day}>{dayText(day, share)}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  )
}

const dayText = (day: string, share: number | undefined): string =>
  `${day}: ${share === undefined ? 'not known' : `${(share * 100).toFixed(1)} %`}`

/** The same in words. */
export function describeAvailability(days: Days): string {
  const known = days.flatMap(({ share }) => (share === undefined ? [] : [share]))
  if (known.length === 0) return 'Availability: nothing is known yet'
  const mean = known.reduce((sum, share) => sum + share, 0) / known.length
  const over =
    known.length === 1 ? 'the one day that is known' : `the last ${known.length} days that are known`
  return `Availability: ${(mean * 100).toFixed(1)} % of ${over} (days in UTC)`
}
