import type { JSX } from 'preact'
import type { MachineHistory } from '../../api/schemas/machines.ts'
import { Moment } from '../parts/moment.tsx'
import { Availability } from './availability.tsx'
import { eventText } from './event-text.ts'

/** So many events are seen at once; the others by who asks for them. */
const LATEST = 10

/** What happened to a machine, and how much of each day it was there. */
export function History({ history }: { readonly history: MachineHistory }): JSX.Element {
  const earlier = history.events.slice(LATEST)
  return (
    <>
      <h3>Last 90 days</h3>
      <Availability days={history.availability} />
      <h3>History</h3>
      {history.events.length === 0 ? (
        <p class="notice">Nothing is known of it yet.</p>
      ) : (
        <Events events={history.events.slice(0, LATEST)} />
      )}
      {earlier.length > 0 && (
        <details>
          <summary>Earlier ({earlier.length})</summary>
          <Events events={earlier} />
        </details>
      )}
    </>
  )
}

function Events({ events }: Pick<MachineHistory, 'events'>): JSX.Element {
  return (
    <ul class="unbounded">
      {events.map((event, at) => (
        <li key={`${event.at} ${at}`}>
          <Moment at={event.at} /> {eventText(event)}
        </li>
      ))}
    </ul>
  )
}
