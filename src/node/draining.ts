import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Router } from './routing/router.ts'

interface DrainingInit {
  readonly router: Pick<Router, 'setDraining' | 'drainsAtOnce' | 'isRunning' | 'neighbours'>
  /** How many packets this machine has passed on so far. */
  readonly forwarded: () => Promise<bigint>
  readonly clock: Clock
  readonly log: Logger
}

/**
 * When nothing was passed on for so long, others have found other ways: those who have to ask for one have it within a round
 * trip through the network.
 */
const QUIET_MS = 1_000
const LOOK_MS = 50
/** How long a stop waits for others. What they still send then has no other way, or comes from a LAN behind this node. */
const LEAVE_MS = 5_000

/**
 * Takes this node out of the way of others: what they send to each other goes elsewhere, where that is possible. Its own
 * tunnels and traffic go on.
 */
export class Draining {
  readonly #init: DrainingInit
  #sinceMs: number | undefined
  /** Whether the neighbours know. */
  #isKnown = false

  constructor(init: DrainingInit) {
    this.#init = init
  }

  /** Since when, by the wall clock; undefined: it does not drain. */
  get sinceMs(): number | undefined {
    return this.#sinceMs
  }

  /** Begins, or ends. It ends with the node as well. */
  set(isDraining: boolean): void {
    const { router, clock, log } = this.#init
    if (isDraining === (this.#sinceMs !== undefined)) return
    this.#sinceMs = isDraining ? clock.now() : undefined
    this.#isKnown = false
    const sinceMs = this.#sinceMs
    log.info(
      isDraining
        ? 'others are to take ways that do not lead over this node'
        : 'others may come this way again',
    )
    const known = router.setDraining(isDraining).then(() => {
      this.#isKnown = this.#sinceMs === sinceMs
    })
    inBackground(log, 'draining', known)
  }

  /** Waits until nothing is passed on any more. @returns whether that came to pass within the limit */
  async emptied(limitMs: number): Promise<boolean> {
    const { router, forwarded, clock } = this.#init
    const endMs = clock.monotonicMs() + limitMs
    let last = await forwarded()
    let quietSinceMs = clock.monotonicMs()
    while (this.#sinceMs !== undefined && router.neighbours.length > 0) {
      const nowMs = clock.monotonicMs()
      const count = await forwarded()
      if (count !== last || !this.#isKnown) quietSinceMs = nowMs
      last = count
      if (nowMs - quietSinceMs >= QUIET_MS) return true
      if (nowMs >= endMs) return false
      await clock.sleep(LOOK_MS)
    }
    return true
  }

  /** Before the node stops. At most some seconds; where the router needs longer than that to tell others, not at all. */
  async leave(): Promise<void> {
    const { router, log } = this.#init
    if (!router.isRunning || router.neighbours.length === 0) return
    if (this.#sinceMs === undefined && !router.drainsAtOnce) return
    this.set(true)
    if (!(await this.emptied(LEAVE_MS)))
      log.info('packets are still passed on: there is no other way for them')
  }
}
