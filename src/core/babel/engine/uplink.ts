import { INFINITY } from '../metric.ts'
import type { Neighbour, Route } from './model.ts'
import { isThroughUs } from './needs.ts'
import { isFeasible } from './sources.ts'
import { metricOf } from './table.ts'
import { neighboursOf, type World } from './world.ts'

/** So long it holds which ways there are over LANs: many may be silent at once, and the routes of a LAN hundreds of thousands. */
const HOLDS_MS = 100

/** Our own way to the Internet, which tunnels share: whether it may be that which is down, and which other way there is then. */
export class Uplink {
  readonly #world: World
  /** Those for whose destinations there is a way over a LAN, and when that was found out. */
  #spared: ReadonlySet<Neighbour> = new Set()
  #lookedMs = Number.NEGATIVE_INFINITY

  constructor(world: World) {
    this.#world = world
  }

  /** Other neighbours that share it with one. */
  *others(neighbour: Neighbour): Generator<Neighbour> {
    if (neighbour.iface.kind === 'lan') return
    for (const other of neighboursOf(this.#world))
      if (other !== neighbour && other.iface.kind !== 'lan') yield other
  }

  /** Whether all of them have been silent since then: it may be our uplink that is down, and not the neighbour. */
  mayBeDown(nowMs: number, neighbour: Neighbour, sinceMs: number): boolean {
    if (neighbour.iface.kind === 'lan') return false
    let isAlone = true
    for (const other of this.others(neighbour)) {
      isAlone = false
      if (other.lastHeardMs > sinceMs) return false
    }
    // Nobody can tell then: packets take the way that there is.
    return !(isAlone && this.hasWayOverLan(nowMs, neighbour))
  }

  /** Whether there is a way over a LAN to one of the destinations whose packets go, or would go, to a neighbour. */
  hasWayOverLan(nowMs: number, neighbour: Neighbour): boolean {
    if (nowMs >= this.#lookedMs + HOLDS_MS) {
      this.#spared = this.#lookForWays()
      this.#lookedMs = nowMs
    }
    return this.#spared.has(neighbour)
  }

  #lookForWays(): ReadonlySet<Neighbour> {
    const spared = new Set<Neighbour>()
    const doubted = new Set([...neighboursOf(this.#world)].filter(({ isDoubted }) => isDoubted))
    const spare = (user: Neighbour) => {
      spared.add(user)
      doubted.delete(user)
    }
    for (const { iface, cost, routes } of neighboursOf(this.#world)) {
      if (iface.kind !== 'lan' || cost >= INFINITY) continue
      for (const route of routes) {
        const { selected, routes: all } = route.entry
        if (selected && !spared.has(selected.neighbour) && isWay(route)) spare(selected.neighbour)
        // Packets to who is doubted go elsewhere meanwhile.
        if (doubted.size === 0) continue
        for (const { neighbour } of all) if (doubted.has(neighbour) && isWay(route)) spare(neighbour)
      }
    }
    return spared
  }
}

/** One that is not feasible yet will be when it is asked for. */
const isWay = (route: Route): boolean =>
  metricOf(route) < INFINITY && (isFeasible(route) || !isThroughUs(route, route.entry))
