import type { JSX } from 'preact'
import type { MachineHistory } from '../../api/schemas/machines.ts'
import { Moment } from '../parts/moment.tsx'
import { Availability } from './availability.tsx'
import { eventText } from './event-text.ts'

/** What happened to a machine, and how much of each day it was there. */
export function History({ history }: { readonly history: MachineHistory }): JSX.Element {
  return (
    <>
      <h3>Last 90 days</h3>
      <Availability days={history.availability} />
      <h3>History</h3>
      <ul class="history">
        {history.events.map((event, at) => (
          <li key={`${event.at} ${at}`}>
            <Moment at={event.at} /> {eventText(event)}
          </li>
        ))}
      </ul>
      {history.events.length === 0 && <p class="notice">Nothing is known of it yet.</p>}
    </>
  )
}
