import type { Acknowledgments } from './acknowledgments.ts'
import { unheard } from './hellos.ts'
import type { Interface, Neighbour } from './model.ts'
import { Patience } from './patience.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** A neighbour that answers so soon after it was first asked was not dead: it gets more time from then on. */
const FALSE_ALARM_MS = 1_500
/** Between requests. */
const FIRST_PAUSE_MS = 500
/** For how many of its hello intervals, and how long at least, a dead neighbour is asked whether it is back. */
const INTERVALS = 4
const MIN_MS = 2_000

interface Lost {
  readonly iface: Interface
  readonly address: string
  /** When it was taken for dead first, if it was only heard since. */
  readonly sinceMs: number
  readonly diedMs: number
  readonly patience: Patience
  readonly timer: Timer
  pauseMs: number
}

/** Neighbours that were declared dead, and may come back: they are asked for a while, and what was known of them is kept. */
export class LostNeighbours {
  readonly #world: World
  readonly #acknowledgments: Acknowledgments
  readonly #lost = new Map<string, Lost>()
  /** Who was taken for dead and is heard again, but has not answered yet. */
  readonly #returning = new WeakMap<Neighbour, Lost>()

  constructor(world: World, acknowledgments: Acknowledgments) {
    this.#world = world
    this.#acknowledgments = acknowledgments
  }

  /** One is declared dead now. */
  add(nowMs: number, neighbour: Neighbour, patience: Patience): void {
    const { iface, address } = neighbour
    // Who was only heard meanwhile has been dead all the time.
    const sinceMs = this.#returning.get(neighbour)?.sinceMs ?? nowMs
    this.#world.output.send(iface.name, address, [unheard(iface, address)])
    const timer = new Timer((laterMs) => this.#ask(laterMs, lost))
    const lost: Lost = {
      ...{ iface, address, sinceMs, diedMs: nowMs, patience, timer },
      pauseMs: FIRST_PAUSE_MS,
    }
    this.#lost.set(keyOf(iface, address), lost)
    this.#world.timers.set(timer, nowMs + lost.pauseMs)
  }

  /** Whether there was a neighbour that may only seem to be dead. */
  has(iface: Interface, address: string): boolean {
    return this.#lost.has(keyOf(iface, address))
  }

  /** A neighbour that is new: is it one that we took for dead? @returns the patience with it, if it is */
  appeared(neighbour: Neighbour): Patience {
    const key = keyOf(neighbour.iface, neighbour.address)
    const lost = this.#lost.get(key)
    if (lost === undefined) return new Patience(this.#world.lateness)
    this.#world.timers.clear(lost.timer)
    this.#lost.delete(key)
    this.#returning.set(neighbour, lost)
    return lost.patience
  }

  /** It answers: was it there all the time? That it is heard is not enough, what we send may still be lost. */
  answered(nowMs: number, neighbour: Neighbour): void {
    const lost = this.#returning.get(neighbour)
    if (lost === undefined) return
    this.#returning.delete(neighbour)
    if (nowMs < lost.sinceMs + FALSE_ALARM_MS) lost.patience.falseAlarm(nowMs)
  }

  /** An interface is gone, with all that was lost on it. */
  forgetInterface(iface: Interface): void {
    for (const [key, lost] of this.#lost)
      if (lost.iface === iface) {
        this.#world.timers.clear(lost.timer)
        this.#lost.delete(key)
      }
  }

  #ask(nowMs: number, lost: Lost): void {
    const { iface, address, diedMs } = lost
    const { helloIntervalMs } = iface.parameters
    if (nowMs > diedMs + Math.max(INTERVALS * helloIntervalMs, MIN_MS)) {
      this.#lost.delete(keyOf(iface, address))
      return
    }
    lost.pauseMs = Math.min(2 * lost.pauseMs, helloIntervalMs)
    this.#world.timers.set(lost.timer, nowMs + lost.pauseMs)
    this.#world.output.send(iface.name, address, [unheard(iface, address), this.#acknowledgments.probe()])
  }
}

const keyOf = (iface: Interface, address: string): string => `${address}%${iface.name}`
