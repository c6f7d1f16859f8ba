import { ExpiryWheel } from './expiry-wheel.ts'
import type { Entry } from './model.ts'
import type { World } from './world.ts'

/**
 * How long a destination without a way is unreachable (RFC 8966, 3.5.4): until neighbours know, who send its packets to us.
 * By way of a default route they could come back to them.
 */
const HOLD_MS = 30_000

/** Keeps the forwarding table as the selected routes have it. */
export class Forwarding {
  readonly #world: World
  readonly #holds: ExpiryWheel<Entry>

  constructor(world: World) {
    this.#world = world
    this.#holds = new ExpiryWheel(world.timers, (entry, nowMs) => this.#visit(entry, nowMs))
  }

  /**
   * The route to a destination may be another one.
   * @param mayBeHeld whether its packets have no business elsewhere when there is none
   */
  follow(nowMs: number, entry: Entry, mayBeHeld: boolean): void {
    const { selected, prefix, from, forwardedOver, forwardedTo } = entry
    const over = selected?.neighbour.iface.name
    const to = selected?.nextHop
    const isNoLongerHeld = entry.unreachableUntilMs !== undefined && !mayBeHeld
    if (over === forwardedOver && to === forwardedTo && !isNoLongerHeld) return
    entry.forwardedOver = over
    entry.forwardedTo = to
    entry.unreachableUntilMs = undefined
    if (over !== undefined && to !== undefined)
      this.#world.output.forward({ prefix, from }, { prefix, from, iface: over, nextHop: to })
    else if (mayBeHeld) this.#hold(nowMs, entry)
    else this.#world.output.forward({ prefix, from }, undefined)
  }

  #hold(nowMs: number, entry: Entry): void {
    const { prefix, from } = entry
    entry.unreachableUntilMs = nowMs + HOLD_MS
    this.#world.output.forward({ prefix, from }, 'unreachable')
    if (entry.isHoldWatched) return
    entry.isHoldWatched = true
    this.#holds.add(entry, entry.unreachableUntilMs)
  }

  #visit(entry: Entry, nowMs: number): number | undefined {
    const { unreachableUntilMs, prefix, from } = entry
    if (unreachableUntilMs !== undefined && unreachableUntilMs > nowMs) return unreachableUntilMs
    entry.isHoldWatched = false
    if (unreachableUntilMs === undefined) return undefined
    entry.unreachableUntilMs = undefined
    this.#world.output.forward({ prefix, from }, undefined)
    this.#world.table.tidy(entry)
    return undefined
  }
}
