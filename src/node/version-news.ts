import { VersionSpread } from '../core/config/version-spread.ts'
import type { Prefix } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import type { ConfigKeeper } from './config-keeper.ts'

interface VersionNewsInit {
  readonly keeper: Pick<ConfigKeeper, 'newestVersion' | 'onNews'>
  readonly clock: Clock
  /** Nodes that are one hop away. */
  readonly neighbours: () => readonly Prefix[]
  /** Tells one of them our newest version. */
  readonly say: (prefix: Prefix) => void
}

const LOOK_MS = 1_000

/** Passes the newest version of the network's configuration on to all neighbours, until each has it. */
export class VersionNews implements Disposable {
  readonly #init: VersionNewsInit
  /** How far it has come. */
  readonly spread: VersionSpread
  readonly #timer: Disposable

  constructor(init: VersionNewsInit) {
    const { keeper, clock } = init
    this.#init = init
    this.spread = new VersionSpread(keeper.newestVersion)
    keeper.onNews((version, from) => {
      this.spread.setVersion(version, from)
      this.look()
    })
    this.#timer = clock.every(LOOK_MS, () => this.look())
  }

  /** Tells whoever does not know yet. Call it when there is another neighbour: a moment later, packets reach it. */
  look(): void {
    const { clock, neighbours, say } = this.#init
    this.spread.setNeighbours(neighbours())
    for (const prefix of this.spread.due(clock.monotonicMs())) say(prefix)
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }
}
