import type { Acknowledgments } from './acknowledgments.ts'
import type { Deadlines } from './deadlines.ts'
import type { Neighbour } from './model.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** Single questions to neighbours that nobody misses yet: those that do not answer are missed. */
export class Checks {
  readonly #world: World
  readonly #acknowledgments: Acknowledgments
  readonly #deadlines: Deadlines
  readonly #onUnanswered: (nowMs: number, neighbour: Neighbour) => void
  readonly #waiting = new Map<Neighbour, Timer>()

  constructor(
    world: World,
    acknowledgments: Acknowledgments,
    deadlines: Deadlines,
    onUnanswered: (nowMs: number, neighbour: Neighbour) => void,
  ) {
    this.#world = world
    this.#acknowledgments = acknowledgments
    this.#deadlines = deadlines
    this.#onUnanswered = onUnanswered
  }

  /** Asks one, if it is not being asked. */
  ask(nowMs: number, neighbour: Neighbour): void {
    if (this.#waiting.has(neighbour)) return
    const { iface, address } = neighbour
    const { answers } = this.#deadlines.patienceWith(neighbour)
    const request = this.#acknowledgments.probe()
    answers.begin()
    answers.asked(nowMs, request.opaque)
    const asked = { sinceMs: nowMs, askedMs: nowMs, usualMs: undefined }
    const timer = new Timer((laterMs) => this.#unanswered(laterMs, neighbour))
    this.#waiting.set(neighbour, timer)
    this.#world.timers.set(timer, nowMs + this.#deadlines.pauseMs(nowMs, neighbour, asked))
    this.#world.output.send(iface.name, address, [request])
  }

  /** It has answered, or is gone. */
  end(neighbour: Neighbour): void {
    const timer = this.#waiting.get(neighbour)
    if (timer === undefined) return
    this.#world.timers.clear(timer)
    this.#waiting.delete(neighbour)
  }

  #unanswered(nowMs: number, neighbour: Neighbour): void {
    this.#waiting.delete(neighbour)
    this.#onUnanswered(nowMs, neighbour)
  }
}
