import type { Neighbour } from './model.ts'
import { Patience } from './patience.ts'
import type { Suspicion } from './suspicion.ts'
import type { World } from './world.ts'

type Asked = Pick<Suspicion, 'sinceMs' | 'askedMs' | 'usualMs'>

/** Until when neighbours have to answer, by all that is known of their answers: to us, to the kernel, to hellos. */
export class Deadlines {
  readonly #world: Pick<World, 'lateness'>
  readonly #patience = new WeakMap<Neighbour, Patience>()

  constructor(world: Pick<World, 'lateness'>) {
    this.#world = world
  }

  /** One that was known before is to have the patience of then. */
  setPatience(neighbour: Neighbour, patience: Patience): void {
    this.#patience.set(neighbour, patience)
  }

  patienceWith(neighbour: Neighbour): Patience {
    let patience = this.#patience.get(neighbour)
    if (patience === undefined) {
      patience = new Patience(this.#world.lateness)
      this.#patience.set(neighbour, patience)
    }
    return patience
  }

  /** How long an answer takes as a rule. */
  pauseMs(nowMs: number, neighbour: Neighbour, asked: Asked): number {
    return this.patienceWith(neighbour).pauseMs(nowMs, answerMsOf(neighbour, asked))
  }

  /** When it is doubted. */
  doubtMs(nowMs: number, neighbour: Neighbour, asked: Asked): number {
    const patience = this.patienceWith(neighbour)
    const calmMs = neighbour.roundTrip.patienceMs()
    const answerMs = answerMsOf(neighbour, asked)
    return Math.max(
      asked.sinceMs + patience.doubtAfterMs(nowMs, answerMs, calmMs),
      asked.askedMs + patience.ownAnswersMs(nowMs, answerMs, calmMs),
    )
  }

  /** When it is dead. */
  deathMs(nowMs: number, neighbour: Neighbour, asked: Asked): number {
    return asked.sinceMs + this.patienceWith(neighbour).deathAfterMs(nowMs, answerMsOf(neighbour, asked))
  }
}

/** How long an answer takes; what the kernel knows is newer than the times in hellos, of which the last may be long ago. */
const answerMsOf = ({ roundTrip }: Neighbour, { usualMs }: Asked): number | undefined =>
  usualMs ?? roundTrip.patienceMs()
