import { DAY_MS } from '../core/day.ts'
import { MESSAGE_CODE } from '../core/session/message-codes.ts'
import { type Prefix, subnetNameOfBits } from '../core/values/prefix.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { BeforeRotation } from './configuration.ts'
import type { Followers } from './followers.ts'
import type { Holder } from './holders.ts'
import type { LocalNode } from './local-node.ts'
import type { NetworkEvent } from './webhooks.ts'

/** What is watched, and who hears of it. */
export interface NetworkWatchComponents {
  readonly reachable: { list(): Promise<readonly Prefix[]> }
  readonly localNode: Pick<LocalNode, 'ask'>
  readonly ownNode: () => Prefix | undefined
  /** Certificates that end after one time and by another. */
  readonly ending: (afterMs: number, untilMs: number) => AsyncIterable<Holder>
  readonly followers: Pick<Followers, 'hasVersion' | 'read'>
  readonly tell: (event: NetworkEvent) => void
  readonly clock: Clock
  readonly log: Logger
}

const ROUND_MS = 60_000
/** Our own node does not answer for so many rounds: it is gone, not restarted. */
const SILENT_ROUNDS = 3
/** So many rounds are looked back, in which so many nodes must have gone, and such a part of all. */
const ROUNDS_BACK = 5
const MANY = 3
const MANY_OF_ALL = 0.2
const ENDING_MS = 7 * DAY_MS

const namesOf = (prefixes: Iterable<string>): string[] => [...prefixes].map(subnetNameOfBits)

/** Watches what an operator wants to hear of, once a minute. What was told already is told again only after it was well. */
export class NetworkWatch implements Disposable {
  readonly #components: NetworkWatchComponents
  readonly #timer: Disposable
  #silentRounds = 0
  /** Who was there in the last rounds. */
  #rounds: ReadonlySet<string>[] = []
  /** Serials of certificates of which was told that they end. */
  #told: ReadonlySet<number> = new Set()

  constructor(components: NetworkWatchComponents) {
    this.#components = components
    const { clock, log } = components
    this.#timer = clock.every(ROUND_MS, () => inBackground(log, 'watching the network', this.#round()))
  }

  /** The keys have gone on to the next step: who has not followed the one before is left behind. The first step leaves nobody. */
  async keysRotated({ step, version }: BeforeRotation): Promise<void> {
    const { followers, reachable, tell } = this.#components
    if (step === 'idle') return
    await followers.read()
    const behind = (await reachable.list()).filter((prefix) => !followers.hasVersion(prefix, version))
    if (behind.length > 0) tell({ event: 'keys.left_behind', nodes: namesOf(behind) })
  }

  async #round(): Promise<void> {
    await this.#lookAtCertificates()
    // Without our own node, nobody can be seen: that is one event, not two.
    if (await this.#isOwnNodeThere()) this.#lookAtNodes(new Set(await this.#components.reachable.list()))
  }

  async #isOwnNodeThere(): Promise<boolean> {
    const { localNode, ownNode, tell } = this.#components
    const own = ownNode()
    if (own === undefined) return false
    if ((await localNode.ask(own, MESSAGE_CODE.nodeInformation)) !== undefined) {
      if (this.#silentRounds >= SILENT_ROUNDS) tell({ event: 'registry_node.back', nodes: namesOf([own]) })
      this.#silentRounds = 0
      return true
    }
    this.#silentRounds += 1
    this.#rounds = []
    if (this.#silentRounds === SILENT_ROUNDS) tell({ event: 'registry_node.gone', nodes: namesOf([own]) })
    return false
  }

  #lookAtNodes(there: ReadonlySet<string>): void {
    const before = new Set(this.#rounds.flatMap((round) => [...round]))
    const gone = [...before].filter((prefix) => !there.has(prefix))
    if (gone.length >= Math.max(MANY, MANY_OF_ALL * before.size)) {
      this.#components.tell({ event: 'nodes.gone', nodes: namesOf(gone) })
      this.#rounds = []
    }
    this.#rounds = [...this.#rounds.slice(1 - ROUNDS_BACK), there]
  }

  async #lookAtCertificates(): Promise<void> {
    const { ending, clock, tell } = this.#components
    const nowMs = clock.now()
    const untold: string[] = []
    const found = new Set<number>()
    for await (const { prefix, serial } of ending(nowMs, nowMs + ENDING_MS)) {
      found.add(serial)
      if (!this.#told.has(serial)) untold.push(prefix)
    }
    // Those that were renewed, or have ended, need not be remembered.
    this.#told = found
    if (untold.length > 0) tell({ event: 'certificates.ending', nodes: namesOf(untold) })
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }
}
