import { ExpiryWheel } from './expiry-wheel.ts'
import type { Route } from './model.ts'
import type { World } from './world.ts'

/** RFC 8966, B: routes hold for 3.5 times the interval of their updates. */
const HOLD_FACTOR = 3.5
/** Of those 3.5, how much is left when a route that is in use is asked for (RFC 8966, 3.8.2.3). */
const ASK_BEFORE_END = 0.2
const MIN_HOLD_S = 10
const MAX_HOLD_S = 2_400
/** How long a route that was retracted is remembered as such. */
const RETRACTED_S = 30

/** Who is told of routes whose time is over. */
export interface RouteExpiryListener {
  /** One that is in use is about to expire. */
  expiring(nowMs: number, route: Route): void
  /** It is to be retracted, or forgotten if it was. */
  expired(nowMs: number, route: Route): void
}

/** How long routes hold (RFC 8966, 3.5.4). */
export class RouteExpiry {
  readonly #world: World
  readonly #listener: RouteExpiryListener
  readonly #wheel: ExpiryWheel<Route>

  constructor(world: World, listener: RouteExpiryListener) {
    this.#world = world
    this.#listener = listener
    this.#wheel = new ExpiryWheel(world.timers, (route, nowMs) => this.#visit(route, nowMs))
  }

  /** One is new, with its times. */
  watch(route: Route): void {
    route.visitS = visitSecond(route, 0)
    this.#wheel.add(route, route.visitS * 1000)
  }

  /** It was announced again. */
  announced(nowMs: number, route: Route, intervalMs: number): void {
    route.holdS = holdSeconds(intervalMs)
    this.#setEnd(route, Math.floor(nowMs / 1000) + route.holdS)
  }

  /** It was retracted. */
  retracted(nowMs: number, route: Route): void {
    this.#setEnd(route, Math.ceil(nowMs / 1000) + RETRACTED_S)
  }

  #setEnd(route: Route, expiresS: number): void {
    route.expiresS = expiresS
    if (expiresS < route.visitS) this.watch(route)
  }

  #visit(route: Route, nowMs: number): number | undefined {
    const nowS = Math.floor(nowMs / 1000)
    // Another visit was made an earlier one, or it is gone.
    if (route.slot < 0 || route.visitS > nowS) return undefined
    if (nowMs < this.#world.catchingUpUntilMs) return this.#world.catchingUpUntilMs
    if (route.expiresS > nowS) {
      if (visitSecond(route, 0) <= nowS && route === route.entry.selected)
        this.#listener.expiring(nowMs, route)
      route.visitS = visitSecond(route, nowS)
      return route.visitS * 1000
    }
    this.#listener.expired(nowMs, route)
    if (route.slot < 0) return undefined
    route.visitS = route.expiresS
    return route.visitS * 1000
  }
}

/** For how long one holds that is to be announced again within an interval. */
export const holdSeconds = (intervalMs: number): number =>
  Math.min(MAX_HOLD_S, Math.max(MIN_HOLD_S, Math.ceil((HOLD_FACTOR * intervalMs) / 1000)))

/** When to look at a route: shortly before it expires, then when it does. */
function visitSecond({ expiresS, holdS }: Route, nowS: number): number {
  const askS = expiresS - Math.ceil(holdS * ASK_BEFORE_END)
  return askS > nowS ? askS : expiresS
}
