import { INFINITY } from '../metric.ts'
import type { Update } from '../wire/tlv.ts'
import { isDrainingChange } from './levels.ts'
import type { Entry, Route } from './model.ts'

/** What was said of a route in use and ignored, for there was no other: its way is broken. */
export interface IgnoredAnnouncement {
  readonly route: Route
  readonly update: Update
}

/** Announcements that are remembered until there is another way, or something newer is known of the route. */
export class IgnoredAnnouncements {
  readonly #ignored = new Map<Entry, IgnoredAnnouncement>()

  /** One was ignored. @returns whether it says that the way is broken, and is remembered */
  add(route: Route, update: Update): boolean {
    const { entry, neighbour, refmetric } = route
    if (update.metric <= refmetric || !isDrainingChange(refmetric, update.metric)) return false
    this.#ignored.set(entry, { route, update })
    entry.brokenMetric = Math.min(INFINITY - 1, update.metric + neighbour.cost)
    return true
  }

  of(entry: Entry): IgnoredAnnouncement | undefined {
    return this.#ignored.get(entry)
  }

  /** Something newer is known of a route. */
  forget(route: Route): void {
    // As a rule there is none: not even looked for, with each of hundreds of thousands of announcements.
    if (this.#ignored.size === 0) return
    const { entry } = route
    if (this.#ignored.get(entry)?.route !== route) return
    this.#ignored.delete(entry)
    entry.brokenMetric = 0
  }
}
