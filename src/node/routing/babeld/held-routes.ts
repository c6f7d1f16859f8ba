import { isIPv6 } from 'node:net'
import { BABEL_PROTOCOL, ROUTE_METRIC } from '../../../core/kernel/route-table.ts'
import { inBackground } from '../../../platform/background.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'
import type { Processes } from '../../../platform/processes.ts'
import type { Route } from '../router.ts'

interface HeldRoutesInit {
  readonly processes: Processes
  readonly clock: Clock
  readonly log: Logger
  /** Called when a route was held in vain: babeld did not find it again. */
  readonly onExpired: (route: Route) => void
}

/**
 * Routes that go on while babeld forgets and learns them again: it forgets the routes of an interface that goes down,
 * even for a moment, and hears of them only with the neighbour's next full update. In the kernel they lie below
 * babeld's own, so that any route that babeld finds goes first.
 */
export class HeldRoutes {
  readonly #init: HeldRoutesInit
  readonly #held = new Map<string, { readonly route: Route; readonly timer: Disposable }>()

  constructor(init: HeldRoutesInit) {
    this.#init = init
  }

  get routes(): readonly Route[] {
    return [...this.#held.values()].map(({ route }) => route)
  }

  /** To be called before babeld forgets them. */
  hold(routes: readonly Route[], forMs: number): void {
    for (const route of routes) {
      this.#drop(route)
      const timer = this.#init.clock.after(forMs, () => {
        this.#removeSoon(route)
        this.#init.onExpired(route)
      })
      this.#held.set(keyOf(route), { route, timer })
    }
  }

  has(route: Route): boolean {
    return this.#held.has(keyOf(route))
  }

  /** Commands of `ip` that put the held routes of an interface into the kernel. */
  commands(iface: string, source: string): readonly string[] {
    return this.routes
      .filter((route) => route.iface === iface)
      .map(
        (route) =>
          `route replace ${kernelRoute(route)} via ${route.via} src ${source} proto ${BABEL_PROTOCOL}`,
      )
  }

  /**
   * babeld has the same route again, or another one to the same place: whatever is held to it is removed.
   * @returns those that another one replaces
   */
  release(found: Route): readonly Route[] {
    const released = this.routes.filter(({ prefix, from }) => prefix === found.prefix && from === found.from)
    for (const route of released) this.#removeSoon(route)
    return released.filter((route) => keyOf(route) !== keyOf(found))
  }

  /** Removes them all. */
  async clear(): Promise<void> {
    await Promise.all(this.routes.map((route) => this.#remove(route)))
  }

  /** The interface is gone, and its routes with it: these. */
  forget(iface: string): readonly Route[] {
    return this.routes.filter((route) => route.iface === iface && this.#drop(route))
  }

  #removeSoon(route: Route): void {
    inBackground(this.#init.log, 'removing a held route', this.#remove(route))
  }

  async #remove(route: Route): Promise<void> {
    if (!this.#drop(route)) return
    const { processes, log } = this.#init
    await processes
      .run('ip', ['-6', 'route', 'del', ...kernelRoute(route).split(' ')])
      // It went with its interface.
      .catch((error: unknown) => log.trace({ err: error }, 'a held route is gone'))
  }

  #drop(route: Route): boolean {
    this.#held.get(keyOf(route))?.timer[Symbol.dispose]()
    return this.#held.delete(keyOf(route))
  }
}

/** Whether a route is one that can be held. */
export const canBeHeld = (route: Route): boolean =>
  route.installed && isIPv6(route.prefix.split('/')[0] ?? '') && isIPv6(route.via)

const keyOf = ({ prefix, from, via, iface }: Route): string => `${prefix} ${from} ${via}%${iface}`

const kernelRoute = ({ prefix, from, iface }: Route): string =>
  [prefix, ...(from === '::/0' ? [] : ['from', from]), 'dev', iface, 'metric', ROUTE_METRIC.held].join(' ')
