import type { JSX } from 'preact'
import { agoOf, dateOf, utcOf } from './time.ts'
import { useNow } from './use-now.ts'

interface MomentProps {
  /** As the API says it. */
  readonly at: string
  /** `ago`: how long ago only, for tables; `day`: the day, and how far it is. */
  readonly form?: 'both' | 'ago' | 'day'
}

/** A moment, where this browser is, and how far it is from now; whoever points at it sees it in UTC, too. */
export function Moment({ at, form = 'both' }: MomentProps): JSX.Element {
  const now = useNow()
  const timeMs = Date.parse(at)
  const date = dateOf(timeMs)
  if (date === undefined) return <>–</>
  const ago = agoOf(timeMs, now)
  return (
    <time dateTime={at} title={form === 'ago' ? `${date} (${utcOf(timeMs)})` : utcOf(timeMs)}>
      {form === 'ago' ? (
        ago
      ) : (
        <>
          {form === 'day' ? date.slice(0, 10) : date} <span class="ago">({ago})</span>
        </>
      )}
    </time>
  )
}
