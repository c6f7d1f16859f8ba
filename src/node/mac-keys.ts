import { isDeepStrictEqual } from 'node:util'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Router, RouterKeys } from './routing/router.ts'

interface MacKeysInit {
  readonly router: Pick<Router, 'setKeys'>
  readonly clock: Clock
  readonly log: Logger
  readonly helloIntervalMs: () => number
  /** Called when the router has other keys. */
  readonly onUsed: () => void
  /** How far the version has come that brought the keys. */
  readonly spread: { readonly hasNeighbours: boolean; readonly isComplete: boolean }
}

/**
 * All nodes hear of a version within some milliseconds, and fetch it a second later: whoever changes this long after it
 * was seen changes together with the others.
 */
const TOGETHER_MS = 2_000
/** How often it is looked whether the neighbours know. */
const LOOK_MS = 100
/** A session that a neighbour has lost is made anew within this. */
const PATIENCE_MIN_MS = 6_000
const PATIENCE_MAX_MS = 15_000

/**
 * The MAC keys of the router (RFC 8967). babeld has one key for each interface, so that neighbours with different ones do
 * not hear each other: a node changes its keys when its neighbours know that there are others, or could not be told for
 * long enough.
 */
export class MacKeys implements Disposable {
  readonly #init: MacKeysInit
  #inUse: RouterKeys
  #next: { readonly keys: RouterKeys; readonly sinceMs: number } | undefined
  #timer: Disposable | undefined

  constructor(init: MacKeysInit, keys: RouterKeys) {
    this.#init = init
    this.#inUse = keys
  }

  /** What the router has, or is to be started with. */
  get inUse(): RouterKeys {
    return this.#inUse
  }

  /** The network has other keys. @param sinceMs when the version was seen that brought them */
  change(keys: RouterKeys, sinceMs: number): void {
    this.#next = { keys, sinceMs }
    this.#look()
  }

  #look(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    if (!this.#next) return
    const { clock, helloIntervalMs, spread } = this.#init
    const waitedMs = clock.monotonicMs() - this.#next.sinceMs
    const patienceMs = Math.min(Math.max(PATIENCE_MIN_MS, helloIntervalMs()), PATIENCE_MAX_MS)
    const isTime =
      !spread.hasNeighbours || (waitedMs >= TOGETHER_MS && (spread.isComplete || waitedMs >= patienceMs))
    if (isTime) return this.#use(this.#next.keys)
    this.#timer = clock.after(LOOK_MS, () => this.#look())
  }

  #use(keys: RouterKeys): void {
    this.#next = undefined
    if (isDeepStrictEqual(keys, this.#inUse)) return
    this.#inUse = keys
    const { router, log, onUsed } = this.#init
    inBackground(log, 'setting MAC keys', router.setKeys(keys).then(onUsed))
  }

  [Symbol.dispose](): void {
    this.#next = undefined
    this.#timer?.[Symbol.dispose]()
  }
}
