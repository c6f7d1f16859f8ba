import type { CostLevel } from './ports.ts'

/**
 * What a link that drains costs at least: more than any other way of two links at the usual parameters, however slow both
 * are; and so far from infinity that a way with several such links, where there is no other, still is one.
 */
export const DRAINING_COST = 10_500

/**
 * Whether a metric changed by more than a round-trip time ever does: a link on the way drains, or does no longer. Somebody
 * wants that now, so there is nothing to wait for.
 */
export const isDrainingChange = (before: number, after: number): boolean =>
  Math.abs(after - before) >= DRAINING_COST / 2

/** The highest one counts. */
const RANKS: Readonly<Record<CostLevel, number>> = { normal: 0, draining: 1, unusable: 2 }

interface InterfaceLevels {
  own: CostLevel
  /** Of single neighbours, also while one is not heard: those that are not normal. */
  readonly neighbours: Map<string, CostLevel>
}

/** How expensive links are made: all of this router's, those of an interface, or that of a neighbour. They outlive both. */
export class Levels {
  readonly #interfaces = new Map<string, InterfaceLevels>()
  #all: CostLevel = 'normal'

  setAll(level: CostLevel): void {
    this.#all = level
  }

  /** @returns whether it was another */
  setInterface(name: string, level: CostLevel): boolean {
    const levels = this.#obtain(name)
    const isOther = levels.own !== level
    levels.own = level
    return isOther
  }

  /** @returns whether it was another */
  setNeighbour(name: string, address: string, level: CostLevel): boolean {
    const { neighbours } = this.#obtain(name)
    const isOther = (neighbours.get(address) ?? 'normal') !== level
    if (level === 'normal') neighbours.delete(address)
    else neighbours.set(address, level)
    return isOther
  }

  /** The next interface of its name may lead elsewhere: it is as expensive as any other. */
  forgetInterface(name: string): void {
    this.#interfaces.delete(name)
  }

  /** What holds for a neighbour. */
  of(name: string, address: string): CostLevel {
    const levels = this.#interfaces.get(name)
    if (levels === undefined) return this.#all
    return highest(highest(this.#all, levels.own), levels.neighbours.get(address) ?? 'normal')
  }

  #obtain(name: string): InterfaceLevels {
    let levels = this.#interfaces.get(name)
    if (levels === undefined) {
      levels = { own: 'normal', neighbours: new Map() }
      this.#interfaces.set(name, levels)
    }
    return levels
  }
}

const highest = (one: CostLevel, other: CostLevel): CostLevel => (RANKS[other] > RANKS[one] ? other : one)
