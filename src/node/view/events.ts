import type { EventReply, EventsReply } from '../../core/control/routing-replies.ts'
import type { NodeEvent } from '../history.ts'
import { nameOf } from './named.ts'
import type { NodeViewSources } from './sources.ts'

/** What happened last, as `re6st events` shows it. */
export function eventsOf(after: number, { history }: Pick<NodeViewSources, 'history'>): EventsReply {
  const { events, forgotten, last } = history.since(after)
  return { events: events.map(eventOf), forgotten, last }
}

const eventOf = (event: NodeEvent): EventReply => ({
  number: event.number,
  time: new Date(event.atMs).toISOString(),
  kind: event.kind,
  node: nameOf(event.node),
  prefix: event.prefix ?? null,
  nextHop: nameOf(event.nextHop),
  iface: event.iface ?? null,
  via: event.via ?? null,
  metric: event.metric ?? null,
  cause: event.cause ?? null,
})
