import { INFINITY, isOriginatedByNextHop } from '../metric.ts'
import type { Destination, RouterId, Update } from '../wire/tlv.ts'
import { Forwarding } from './forwarding.ts'
import { IgnoredAnnouncements } from './ignored-announcements.ts'
import { isDrainingChange } from './levels.ts'
import { type Entry, type Neighbour, Route } from './model.ts'
import type { LocalRoute, RouteCause } from './ports.ts'
import { Rechecks } from './rechecks.ts'
import { whyLeft, whyTaken } from './route-causes.ts'
import { holdSeconds, RouteExpiry } from './route-expiry.ts'
import { choose, isUsable } from './selection.ts'
import { halfLifeS, smoothedAt } from './smoothing.ts'
import { isFeasibleUpdate } from './sources.ts'
import { keyOf, metricOf } from './table.ts'
import { routeView } from './views.ts'
import type { World } from './world.ts'

/** More than a network has nodes for which this was made. */
const MAX_ROUTES_PER_NEIGHBOUR = 32_768
/** Some 200 MB. Beyond that, those of each neighbour that has few are still taken. */
const MAX_ROUTES_PER_INTERFACE = 1_000_000
const FEW_ROUTES = 2_000
/** Whoever has as many addresses as he likes does not fill the kernel's table. */
const MAX_DESTINATIONS = 65_536

/** Who is told of what happens to routes. */
export interface RoutesListener {
  /** A destination was looked at: the route to it may be another, or have another metric. */
  selected(nowMs: number, entry: Entry): void
  /** An announcement for the route in use was ignored, because it is not feasible and nothing else is there. */
  ignored(nowMs: number, route: Route, announcedMetric: number): void
  /** The route in use is about to expire. */
  expiring(nowMs: number, route: Route): void
  /** We no longer originate a destination. */
  localEnded(nowMs: number, entry: Entry): void
  /** Somebody announces a destination with our own router-id. */
  ownHeard(nowMs: number, update: Update): void
}

/** The route table (RFC 8966, 3.5), and which of its routes are taken (3.6). */
export class Routes {
  readonly #world: World
  readonly #listener: RoutesListener
  readonly #expiry: RouteExpiry
  readonly #forwarding: Forwarding
  readonly #rechecks: Rechecks
  readonly #ignored = new IgnoredAnnouncements()
  #accepts: (destination: Destination) => boolean = () => true

  constructor(world: World, listener: RoutesListener) {
    this.#world = world
    this.#listener = listener
    this.#expiry = new RouteExpiry(world, {
      expiring: (nowMs, route) => listener.expiring(nowMs, route),
      expired: (nowMs, route) => this.#expired(nowMs, route),
    })
    this.#rechecks = new Rechecks(world, (nowMs, entry) => this.reselect(nowMs, entry))
    this.#forwarding = new Forwarding(world)
  }

  /** RFC 8966, 3.5.3 */
  acquire(nowMs: number, neighbour: Neighbour, update: Update): void {
    const { routerId, metric, nextHop } = update
    if (metric >= INFINITY || routerId === undefined || nextHop === undefined) {
      this.#retract(nowMs, neighbour, update, 'retracted')
      return
    }
    if (routerId === this.#world.routerId) {
      // It would send to us what is for us.
      this.#listener.ownHeard(nowMs, update)
      this.#retract(nowMs, neighbour, update, 'not accepted')
      return
    }
    const { table } = this.#world
    const route = table.routeOf(neighbour, update)
    if (route) return this.#hearAgain(nowMs, route, update, routerId, nextHop)
    const known = table.find(update)
    // Of what is not accepted no route is kept.
    if ((known === undefined || known.routes.length === 0) && !this.#accepts(update)) return
    if (known === undefined && table.entries.size >= MAX_DESTINATIONS) return
    const entry = known ?? table.obtain(update)
    if (!entry.local) this.#add(nowMs, entry, neighbour, update, routerId, nextHop)
  }

  #hearAgain(nowMs: number, route: Route, update: Update, routerId: RouterId, nextHop: string): void {
    const { entry } = route
    const { seqno, metric } = update
    if (
      route === entry.selected &&
      routerId === route.routerId &&
      !isFeasibleUpdate(entry, routerId, seqno, metric) &&
      !entry.routes.some((other) => other !== route && isUsable(other))
    ) {
      // What we know of it is out of date, yet cannot close a loop: better than no way.
      if (this.#ignored.add(route, update)) this.#listener.selected(nowMs, entry)
      this.#listener.ignored(nowMs, route, metric)
    } else this.#change(nowMs, route, update, routerId, nextHop)
  }

  /** That a way is broken was ignored as long as there was no other. @returns whether there is now, and one was chosen */
  #heed(nowMs: number, entry: Entry): boolean {
    const ignored = this.#ignored.of(entry)
    if (ignored === undefined) return false
    const { route, update } = ignored
    const { routerId, nextHop } = update
    if (!entry.routes.some((other) => other !== route && isUsable(other))) return false
    if (routerId === undefined || nextHop === undefined) return false
    this.#change(nowMs, route, update, routerId, nextHop)
    return true
  }

  #add(
    nowMs: number,
    entry: Entry,
    neighbour: Neighbour,
    { seqno, metric: refmetric, intervalMs }: Update,
    routerId: RouterId,
    nextHop: string,
  ): void {
    const { table, output } = this.#world
    const { routes, iface } = neighbour
    const most = iface.routeCount >= MAX_ROUTES_PER_INTERFACE ? FEW_ROUTES : MAX_ROUTES_PER_NEIGHBOUR
    if (routes.length >= most) {
      table.tidy(entry)
      return
    }
    const nowS = Math.floor(nowMs / 1000)
    const holdS = holdSeconds(intervalMs)
    const route = new Route({
      entry,
      neighbour,
      routerId: knownText(routerId, entry.routes[0]?.routerId, entry.routes[1]?.routerId),
      nextHop: knownText(nextHop, neighbour.address, neighbour.routes[0]?.nextHop),
      seqno,
      refmetric,
      nowS,
      holdS,
    })
    table.add(route)
    this.#expiry.watch(route)
    output.route('added', routeView(route), 'announced')
    this.reselect(nowMs, entry)
  }

  #change(
    nowMs: number,
    route: Route,
    { seqno, metric: refmetric, intervalMs }: Update,
    routerId: RouterId,
    nextHop: string,
  ): void {
    const { entry, neighbour } = route
    this.#ignored.forget(route)
    this.#expiry.announced(nowMs, route, intervalMs)
    const isSame = routerId === route.routerId && refmetric === route.refmetric && nextHop === route.nextHop
    if (isSame && seqno === route.seqno) return
    this.#setRefmetric(nowMs, route, refmetric)
    route.routerId = knownText(routerId, route.routerId, entry.selected?.routerId)
    route.seqno = seqno
    route.nextHop = knownText(nextHop, route.nextHop, neighbour.address)
    if (!isSame) this.#world.output.route('changed', routeView(route), 'announced')
    this.reselect(nowMs, entry)
  }

  #setRefmetric(nowMs: number, route: Route, refmetric: number): void {
    const isAnother = route.refmetric >= INFINITY || isDrainingChange(route.refmetric, refmetric)
    route.smoothed = isAnother
      ? refmetric
      : Math.round(
          smoothedAt(
            route.refmetric,
            route.smoothed,
            route.smoothedSinceS,
            nowMs,
            halfLifeS(route.neighbour.iface.parameters),
          ),
        )
    route.smoothedSinceS = Math.floor(nowMs / 1000)
    route.refmetric = refmetric
  }

  /** A neighbour retracts a destination, or announces it in a way that is of no use. */
  #retract(nowMs: number, neighbour: Neighbour, destination: Destination, cause: RouteCause): void {
    const route = this.#world.table.entries
      .get(keyOf(destination))
      ?.routes.find((one) => one.neighbour === neighbour)
    if (route) this.#lose(nowMs, route, cause)
  }

  /** RFC 8966, 4.6.9: a neighbour retracts everything. */
  retractAllOf(nowMs: number, neighbour: Neighbour): void {
    for (const route of neighbour.routes) this.#lose(nowMs, route, 'retracted')
  }

  #lose(nowMs: number, route: Route, cause: RouteCause): void {
    if (route.refmetric >= INFINITY) return
    this.#ignored.forget(route)
    route.refmetric = INFINITY
    this.#expiry.retracted(nowMs, route)
    this.#world.output.route('changed', routeView(route), cause)
    this.reselect(nowMs, route.entry)
  }

  /** A neighbour is gone, and all that it announced. */
  forget(nowMs: number, neighbour: Neighbour): void {
    for (let route = neighbour.routes.at(-1); route !== undefined; route = neighbour.routes.at(-1))
      this.#flush(nowMs, route, 'neighbour lost')
  }

  #flush(nowMs: number, route: Route, cause: RouteCause): void {
    const { entry } = route
    this.#ignored.forget(route)
    this.#world.table.remove(route)
    this.reselect(nowMs, entry)
    this.#world.output.route('flushed', routeView(route), cause)
    this.#world.table.tidy(entry)
  }

  /**
   * The cost of a neighbour has changed: looks at what that may matter to. What it originates tells who it is, whether packets go
   * there or not: of that is told when the neighbour can be used, and when it cannot any more.
   * @param wasUsable whether it could be used until now
   */
  costChanged(nowMs: number, neighbour: Neighbour, wasUsable: boolean): void {
    const canBeUsed = neighbour.cost < INFINITY
    for (const route of neighbour.routes) {
      const { selected } = route.entry
      // Whether one can be used at all matters also where it is not the best: it is the spare way, or none is left.
      if (
        canBeUsed !== wasUsable ||
        selected === undefined ||
        selected === route ||
        metricOf(route) < metricOf(selected)
      )
        this.reselect(nowMs, route.entry)
      // Of one that was taken, or is from now on, it was told.
      const isTold = route === selected || route === route.entry.selected
      if (canBeUsed !== wasUsable && !isTold && isOriginatedByNextHop(route))
        this.#world.output.route('changed', routeView(route), canBeUsed ? 'announced' : 'link unusable')
    }
  }

  /** Sets what we originate. @returns those whose metric changed, or that are new */
  setLocal(nowMs: number, routes: readonly LocalRoute[]): void {
    const { table } = this.#world
    const wanted = new Map(routes.map((route) => [keyOf(route), route]))
    for (const entry of [...table.reachable])
      if (entry.local && !wanted.has(entry.key)) {
        entry.local = undefined
        this.reselect(nowMs, entry)
        this.#listener.localEnded(nowMs, entry)
        table.tidy(entry)
      }
    for (const route of routes) {
      const entry = table.obtain(route)
      entry.local = route
      // What others say of it is nothing that we would take.
      for (const other of [...entry.routes]) this.#flush(nowMs, other, 'not accepted')
      this.reselect(nowMs, entry)
    }
  }

  /** Sets which destinations are learnt (RFC 8966, C). Others that were are forgotten. */
  setFilter(nowMs: number, accepts: (destination: Destination) => boolean): void {
    this.#accepts = accepts
    for (const entry of [...this.#world.table.entries.values()])
      if (!accepts(entry)) {
        for (const route of [...entry.routes]) this.#flush(nowMs, route, 'not accepted')
        this.reselect(nowMs, entry)
        this.#world.table.tidy(entry)
      }
  }

  /** Route selection (RFC 8966, 3.6) for one destination. */
  reselect(nowMs: number, entry: Entry): void {
    if (this.#heed(nowMs, entry)) return
    const before = entry.selected
    const { route, provenInMs } = entry.local ? OWN : choose(entry, nowMs)
    if (provenInMs < Number.POSITIVE_INFINITY) this.#rechecks.after(nowMs, entry, provenInMs)
    entry.selected = route
    this.#forwarding.follow(nowMs, entry, entry.local === undefined && this.#accepts(entry))
    const { reachable } = this.#world.table
    if (entry.local || route) reachable.add(entry)
    else reachable.delete(entry)
    if (before !== route) {
      const { output } = this.#world
      if (before) before.neighbour.routesInUse--
      if (route) route.neighbour.routesInUse++
      if (before && before.slot >= 0) output.route('changed', routeView(before), whyLeft(before))
      if (route) output.route('changed', routeView(route), whyTaken(before))
    }
    this.#listener.selected(nowMs, entry)
  }

  #expired(nowMs: number, route: Route): void {
    if (route.refmetric >= INFINITY) this.#flush(nowMs, route, 'retracted')
    else this.#lose(nowMs, route, 'expired')
  }
}

const OWN = { route: undefined, provenInMs: Number.POSITIVE_INFINITY } as const

/** The same text as one that is known, if one is: hundreds of thousands of copies would take as much as all the rest. */
const knownText = (text: string, ...known: readonly (string | undefined)[]): string =>
  known.find((one) => one === text) ?? text
