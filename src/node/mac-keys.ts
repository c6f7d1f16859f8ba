import { isDeepStrictEqual } from 'node:util'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { Retries } from '../platform/retries.ts'
import type { Router, RouterKeys } from './routing/router.ts'

interface MacKeysInit {
  readonly router: Pick<Router, 'setKeys'>
  readonly clock: Clock
  readonly log: Logger
  readonly helloIntervalMs: () => number
  /** Called when the router has other keys. */
  readonly onUsed: () => void
  /** Whether there is anybody with whom to change them. */
  readonly hasNeighbours: () => boolean
}

/** When versions of the configuration were seen, by the clock that never jumps. */
export interface VersionsSeen {
  /** The one that brought the keys. */
  readonly newestMs: number
  /** The one before it; undefined: none while this node has been running. */
  readonly previousMs: number | undefined
}

/**
 * All nodes hear of a version within some milliseconds, or seconds, where a session was lost: whoever changes this long
 * after it was seen, whatever its neighbours know, changes together with the others.
 */
const TOGETHER_MIN_MS = 6_000
const TOGETHER_MAX_MS = 15_000
/**
 * Python nodes begin anew for each version: a second until they fetch it, another for their daemons; then babeld needs so
 * many hello intervals, and a session with them that was lost is made anew before they hear what came meanwhile.
 */
const RESTART_MS = 8_000
const RESTART_HELLOS = 4.5
/** Delays of setting keys again that could not be set: with others than its neighbours have, a node is cut off. */
const RETRY_DELAYS = { minMs: 1_000, maxMs: 60_000 }

/**
 * The MAC keys of the router (RFC 8967). babeld has one key for each interface, so that neighbours with different ones do
 * not hear each other. So all nodes change at the same time after the version was seen, which all see at nearly the same
 * moment; and if another version came shortly before, not before those are back that restart for it, with the keys that
 * it had: they could not be told otherwise. A router that can have several keys has those that come next from the moment
 * that they are known, beside those that go: whoever has any of them hears it.
 */
export class MacKeys implements Disposable {
  readonly #init: MacKeysInit
  #current: RouterKeys
  /** What comes next, the soonest first. */
  #next: readonly { readonly keys: RouterKeys; readonly atMs: number }[] = []
  #timer: Disposable | undefined
  readonly #retries: Retries<'MAC keys'>

  constructor(init: MacKeysInit, keys: RouterKeys) {
    this.#init = init
    this.#current = keys
    this.#retries = new Retries({ clock: init.clock, limits: RETRY_DELAYS, again: () => this.#look() })
  }

  /** What the router has, or is to be started with. */
  get inUse(): RouterKeys {
    const coming = this.#next.flatMap(({ keys: { sign, accept } }) => [sign, accept])
    const beside = coming.filter((key) => key instanceof Uint8Array)
    return beside.length === 0 ? this.#current : { ...this.#current, beside }
  }

  /** Why the router does not have the keys that it should; undefined: it does. */
  get failure(): string | undefined {
    return this.#retries.reasons.get('MAC keys')
  }

  /** The network has other keys. */
  change(keys: RouterKeys, { newestMs, previousMs }: VersionsSeen): void {
    const last = this.#next.at(-1)
    if (isDeepStrictEqual(keys, last?.keys ?? this.#current)) return
    const helloMs = this.#init.helloIntervalMs()
    const togetherMs = this.#init.hasNeighbours()
      ? Math.min(Math.max(TOGETHER_MIN_MS, helloMs), TOGETHER_MAX_MS)
      : 0
    const atMs = Math.max(
      newestMs + togetherMs,
      (previousMs ?? Number.NEGATIVE_INFINITY) + RESTART_MS + RESTART_HELLOS * helloMs,
      last?.atMs ?? 0,
    )
    this.#next = [...this.#next, { keys, atMs }]
    this.#look()
  }

  #look(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    const { clock, log } = this.#init
    const nowMs = clock.monotonicMs()
    this.#current = this.#next.findLast(({ atMs }) => atMs <= nowMs)?.keys ?? this.#current
    this.#next = this.#next.filter(({ atMs }) => atMs > nowMs)
    inBackground(log, 'setting MAC keys', this.#set())
    const [soonest] = this.#next
    if (soonest) this.#timer = clock.after(soonest.atMs - nowMs, () => this.#look())
  }

  async #set(): Promise<void> {
    await this.#retries.watch('MAC keys', this.#init.router.setKeys(this.inUse))
    this.#init.onUsed()
  }

  [Symbol.dispose](): void {
    this.#next = []
    this.#timer?.[Symbol.dispose]()
    this.#retries[Symbol.dispose]()
  }
}
