import type { Neighbour } from './model.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** The first time, an answer ends the doubt; each further one lasts twice as long beyond it. */
const FIRST_HOLD_MS = 1_000
const MAX_HOLD_MS = 30_000
/** Who was not doubted for so long has a clean slate. */
const FORGIVEN_MS = 300_000

interface Doubt {
  readonly ending: Timer
  /** How often it was doubted lately. */
  times: number
  endedMs: number
}

/**
 * Neighbours that have not answered for a moment: packets take other ways, if there are any, before it is known whether the
 * neighbour is dead. That costs little if it is not. A link that stands still again and again stays expensive for longer and
 * longer: those who are far away do not hear of each time.
 */
export class Doubts {
  readonly #world: World
  readonly #onChange: (nowMs: number, neighbour: Neighbour, isDoubted: boolean) => void
  readonly #doubts = new WeakMap<Neighbour, Doubt>()

  /** @param onChange doubts the neighbour, or does no more, before it returns */
  constructor(world: World, onChange: (nowMs: number, neighbour: Neighbour, isDoubted: boolean) => void) {
    this.#world = world
    this.#onChange = onChange
  }

  /** It does not answer. */
  begin(nowMs: number, neighbour: Neighbour): void {
    const doubt = this.#obtain(neighbour)
    this.#world.timers.clear(doubt.ending)
    if (neighbour.isDoubted) return
    if (nowMs > doubt.endedMs + FORGIVEN_MS) doubt.times = 0
    this.#onChange(nowMs, neighbour, true)
  }

  /** It has answered. */
  end(nowMs: number, neighbour: Neighbour): void {
    const doubt = this.#doubts.get(neighbour)
    if (!doubt || !neighbour.isDoubted || doubt.ending.slot >= 0) return
    const holdMs = doubt.times === 0 ? 0 : Math.min(MAX_HOLD_MS, FIRST_HOLD_MS * 2 ** (doubt.times - 1))
    doubt.times++
    if (holdMs === 0) this.#over(nowMs, neighbour, doubt)
    else this.#world.timers.set(doubt.ending, nowMs + holdMs)
  }

  /** It is gone, for whatever reason. */
  forget(neighbour: Neighbour): void {
    const doubt = this.#doubts.get(neighbour)
    if (doubt) this.#world.timers.clear(doubt.ending)
    this.#doubts.delete(neighbour)
  }

  #obtain(neighbour: Neighbour): Doubt {
    let doubt = this.#doubts.get(neighbour)
    if (doubt === undefined) {
      const ending = new Timer((nowMs) => this.#over(nowMs, neighbour, made))
      const made: Doubt = { ending, times: 0, endedMs: Number.NEGATIVE_INFINITY }
      doubt = made
      this.#doubts.set(neighbour, made)
    }
    return doubt
  }

  #over(nowMs: number, neighbour: Neighbour, doubt: Doubt): void {
    doubt.endedMs = nowMs
    this.#onChange(nowMs, neighbour, false)
  }
}
