import type { Hellos } from './hellos.ts'
import type { Levels } from './levels.ts'
import type { Entry, Interface, Neighbour } from './model.ts'
import type { Neighbours } from './neighbours.ts'
import type { CostLevel } from './ports.ts'
import type { Updates } from './updates.ts'
import type { World } from './world.ts'

/** What a neighbour acknowledges that was told costs alone. */
const NO_ROUTES: readonly Entry[] = []

/** Who computes what links cost, and tells neighbours. */
interface CostParts {
  readonly levels: Levels
  readonly neighbours: Neighbours
  readonly hellos: Hellos
  readonly updates: Updates
}

/** What links are made to cost by whoever has them: at once, and neighbours know it. */
export class Costs {
  readonly #world: World
  readonly #parts: CostParts

  constructor(world: World, parts: CostParts) {
    this.#world = world
    this.#parts = parts
  }

  /** Sets how expensive a neighbour is, or all on an interface are. */
  set(nowMs: number, name: string, address: string | undefined, level: CostLevel): void {
    const { levels } = this.#parts
    const isOther =
      address === undefined ? levels.setInterface(name, level) : levels.setNeighbour(name, address, level)
    const iface = this.#world.interfaces.get(name)
    // Whoever asks for the same again and again has nothing said to all on a server's tap.
    if (iface === undefined || !isOther) return
    const neighbour = address === undefined ? undefined : iface.neighbours.get(address)
    if (address === undefined) this.wereSet(nowMs, iface)
    else if (neighbour) this.#tell(nowMs, iface, [neighbour])
  }

  /** Sets how expensive all are. */
  setAll(nowMs: number, level: CostLevel): void {
    this.#parts.levels.setAll(level)
    for (const iface of this.#world.interfaces.values()) this.wereSet(nowMs, iface)
  }

  /** Those of all neighbours on an interface may be others. */
  wereSet(nowMs: number, iface: Interface): void {
    this.#tell(nowMs, iface, [...iface.neighbours.values()])
  }

  /** Whether all neighbours know those that were set, or do not answer. */
  get areKnown(): boolean {
    return !this.#parts.updates.acknowledgments.isWaitingFor(NO_ROUTES)
  }

  /**
   * Neighbours are told at once, with a hello that promises the interval that holds from now on (RFC 8966, 3.4.1), until they
   * acknowledge it.
   */
  #tell(nowMs: number, iface: Interface, concerned: readonly Neighbour[]): void {
    const { neighbours, hellos, updates } = this.#parts
    for (const neighbour of concerned) neighbours.recompute(nowMs, neighbour, undefined, true)
    if (concerned.length === 0) return hellos.sendScheduled(nowMs, iface, concerned)
    const request = updates.acknowledgments.expect(nowMs, concerned, NO_ROUTES)
    hellos.sendScheduled(nowMs, iface, concerned, [request])
  }
}
