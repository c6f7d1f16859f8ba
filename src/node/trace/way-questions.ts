import type { WayAnswer, WayOutcome } from '../../core/session/way.ts'
import type { Prefix } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import { LateAnswers } from '../sessions/late-answers.ts'

interface WayQuestionsInit {
  readonly clock: Pick<Clock, 'after'>
  /** Asks a node where it sends packets to another one. */
  readonly ask: (prefix: Prefix, target: Prefix) => void
}

/** Longer than a session takes to be made, and a lost datagram to be said again. */
const PATIENCE_MS = 5_000

/** Questions to other nodes for their ways, and who waits for the answers. */
export class WayQuestions {
  readonly #init: WayQuestionsInit
  /** By who is asked and for what; several may wait for the same. */
  readonly #waiting = new Map<string, Set<(outcome: WayOutcome) => void>>()

  readonly #late: LateAnswers

  constructor(init: WayQuestionsInit) {
    this.#init = init
    this.#late = new LateAnswers(init.clock)
  }

  /** Asks a node; never rejects. */
  async ask(prefix: Prefix, target: Prefix): Promise<WayOutcome> {
    const { clock, ask } = this.#init
    const key = keyOf(prefix, target)
    const waiting = this.#waiting.get(key) ?? new Set()
    this.#waiting.set(key, waiting)
    return new Promise((resolve) => {
      const done = (outcome: WayOutcome) => {
        timer[Symbol.dispose]()
        waiting.delete(done)
        if (waiting.size === 0) this.#waiting.delete(key)
        resolve(outcome)
      }
      const timer = clock.after(PATIENCE_MS, () => done('no answer'))
      waiting.add(done)
      ask(prefix, target)
    })
  }

  /** A node has answered. Whoever says something that was not asked is not heard. */
  answered(prefix: Prefix, answer: WayAnswer): void {
    const key = keyOf(prefix, answer.target)
    this.#late.answered(key)
    this.#tell(key, answer)
  }

  /** A node has heard the question, as it seems, and has nothing to say; if it does not answer all the same. */
  acknowledged(prefix: Prefix, target: Prefix): void {
    const key = keyOf(prefix, target)
    if (this.#waiting.has(key)) this.#late.acknowledged(key, () => this.#tell(key, 'not understood'))
  }

  #tell(key: string, outcome: WayOutcome): void {
    for (const done of [...(this.#waiting.get(key) ?? [])]) done(outcome)
  }
}

const keyOf = (prefix: Prefix, target: Prefix): string => `${prefix} ${target}`
