import type { Clock } from '../../platform/clock.ts'
import type { NetworkEvent } from '../webhooks.ts'

/** What is watched, and who hears of it. */
export interface PairWatchComponents {
  /** What the other registry of the pair is. */
  readonly other: 'primary' | 'standby'
  /** Whether it is missed. */
  readonly isAway: () => boolean
  readonly tell: (event: NetworkEvent) => void
  readonly clock: Pick<Clock, 'monotonicMs' | 'every'>
}

const LOOK_MS = 5_000
/** Longer than a registry takes to be started again, and its standby to follow: whoever is woken for it should have something to do. */
const AWAY_MS = 60_000

/** Tells an operator that the other registry of a pair is away, and that it is back. */
export class PairWatch implements Disposable {
  readonly #components: PairWatchComponents
  readonly #timer: Disposable
  #sinceMs: number | undefined
  #isTold = false

  constructor(components: PairWatchComponents) {
    this.#components = components
    this.#timer = components.clock.every(LOOK_MS, () => this.#look())
  }

  #look(): void {
    const { isAway, clock } = this.#components
    const nowMs = clock.monotonicMs()
    if (isAway()) {
      this.#sinceMs ??= nowMs
      if (!this.#isTold && nowMs - this.#sinceMs >= AWAY_MS) this.#tell(true)
    } else {
      this.#sinceMs = undefined
      if (this.#isTold) this.#tell(false)
    }
  }

  #tell(isAway: boolean): void {
    const { other, tell } = this.#components
    this.#isTold = isAway
    tell({ event: `${other}.${isAway ? 'away' : 'back'}`, nodes: [] })
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }
}
