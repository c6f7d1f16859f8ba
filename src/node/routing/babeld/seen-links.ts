import type { BabelTables } from '../../../core/babeld/tables.ts'
import { messageOf } from '../../../core/errors.ts'
import type { ConditionWatch } from '../condition-watch.ts'
import { ipBatch, isThere, lacksLinkLocal, linkDown, linkUp, setOperational } from '../ip-link.ts'
import type { Route, RouterSettings } from '../router.ts'
import { canBeHeld, type HeldRoutes } from './held-routes.ts'
import type { BabeldContext } from './process.ts'

interface SeenLinksInit extends Pick<BabeldContext, 'processes' | 'clock' | 'log'> {
  readonly conditions: ConditionWatch
  readonly held: HeldRoutes
  /** Aborted when nothing is to be changed any more. */
  readonly signal: AbortSignal
  readonly settings: () => Pick<RouterSettings, 'nodeAddress'>
  /** What is known of babeld's tables, also when it has just ended. */
  readonly tables: () => BabelTables
  /** The routes that count. */
  readonly routes: () => readonly Route[]
  /** Whether babeld routes on an interface; not any more when it was removed. */
  readonly isKept: (iface: string) => boolean
}

/** babeld sees that a link went down by a kernel event, in some milliseconds. */
const LINK_EVENT_MS = 2_000
/**
 * What babeld 1.12 has to say to one neighbour when the link goes down, as an acknowledgment that it delays by up to 45 ms, it
 * cannot sign any more (it has forgotten its link-local address), tries again and again, and does nothing else, for as long as
 * half a minute. So a link is taken from it when it has heard nothing there for this long, if that comes to pass in time.
 */
const QUIET_MS = 150
const QUIET_WITHIN_MS = 2_000
/** How often babeld is shown that a link is up. */
const WAKING_ATTEMPTS = 5
/** A link that stayed dormant, or down, would be lost, and with a server's all of its clients: until the machine can run `ip` again. */
const RETRY_MS = 1_000

/** Links as babeld sees them: up, or down, or dormant while the kernel goes on using its routes. */
export class SeenLinks {
  readonly #init: SeenLinksInit
  /** When babeld last said that something had changed there. */
  readonly #newsMs = new Map<string, number>()

  constructor(init: SeenLinksInit) {
    this.#init = init
  }

  /** Something about an interface or its neighbours changed. */
  heard(iface: string): void {
    this.#newsMs.set(iface, this.#init.clock.monotonicMs())
  }

  /** It was removed. */
  forget(iface: string): void {
    this.#newsMs.delete(iface)
  }

  /** In babeld's sight. */
  isUp(iface: string): boolean {
    return this.#init.tables().interface(iface)?.up === true
  }

  /** Lets a dormant link come up again in babeld's sight, which it looks at by itself only every 30 s. */
  async wake(iface: string): Promise<void> {
    const { processes } = this.#init
    for (let attempt = 1; attempt <= WAKING_ATTEMPTS; attempt++) {
      // Removed meanwhile: dormant will do, until its turn to be set down.
      await this.#persistently(iface, 'a link cannot be made operational', () =>
        setOperational(processes, iface, true),
      )
      if (!this.#init.isKept(iface)) return
      await this.#init.conditions.until(() => this.isUp(iface) || !this.#init.isKept(iface), LINK_EVENT_MS)
      if (this.isUp(iface) || attempt === WAKING_ATTEMPTS) return
      // An event makes it look once more.
      if (!(await this.#unlessGone(iface, () => setOperational(processes, iface, false)))) return
    }
  }

  /**
   * Takes a link out of babeld's sight, while the kernel goes on using its routes.
   * @returns whether it is there, for `wake`
   */
  async makeDormant(iface: string, holdMs: number): Promise<boolean> {
    const { processes, held, routes, settings } = this.#init
    await this.untilQuiet(iface, QUIET_WITHIN_MS)
    if (!this.#init.isKept(iface)) return false // removed meanwhile, and all that was held of it
    held.hold(
      routes().filter((route) => route.iface === iface && canBeHeld(route)),
      holdMs,
    )
    const isDormant = await this.#unlessGone(iface, async () => {
      await ipBatch(processes, held.commands(iface, settings().nodeAddress))
      await setOperational(processes, iface, false)
    })
    if (isDormant) await this.#untilDown(iface)
    return isDormant
  }

  /** Waits until babeld has heard nothing there for a moment, but no longer than this. */
  async untilQuiet(iface: string, withinMs: number): Promise<void> {
    const { clock, signal } = this.#init
    const limitMs = clock.monotonicMs() + withinMs
    while (!signal.aborted) {
      const nowMs = clock.monotonicMs()
      const quietMs = (this.#newsMs.get(iface) ?? Number.NEGATIVE_INFINITY) + QUIET_MS
      if (nowMs >= Math.min(quietMs, limitMs)) return
      await clock.sleep(Math.min(quietMs, limitMs) - nowMs, signal).catch(() => {})
    }
  }

  /** Sets it down, which ends the routes over it. */
  async setDown(iface: string): Promise<void> {
    if (await this.#unlessGone(iface, () => linkDown(this.#init.processes, iface)))
      await this.#untilDown(iface)
  }

  /** Gives a link that lacks its link-local address another time the same: it goes down, and comes up with it. */
  async readdress(iface: string, address: string): Promise<void> {
    const { processes } = this.#init
    let isDown = false
    await this.#persistently(iface, 'a link cannot be given its link-local address', async () => {
      if (!isDown) {
        if (!(await lacksLinkLocal(processes, iface))) return
        await linkDown(processes, iface)
        isDown = true
        await this.#untilDown(iface)
      }
      await linkUp(processes, iface, address)
    })
  }

  /** Changes a link that is lost without that: until it can be done, or the interface is removed or gone. */
  async #persistently(iface: string, trouble: string, change: () => Promise<void>): Promise<void> {
    const { log, conditions, signal } = this.#init
    for (let failures = 0; this.#init.isKept(iface); failures++)
      try {
        await this.#unlessGone(iface, change)
        return
      } catch (error) {
        if (signal.aborted) return
        const what = { iface, reason: messageOf(error), retryMs: RETRY_MS }
        log[failures === 0 ? 'warn' : 'debug'](what, trouble)
        await conditions.until(() => !this.#init.isKept(iface), RETRY_MS)
      }
  }

  /**
   * Changes a link. A tap goes with its OpenVPN, a moment before anybody says so: that is no failure of what was to be done
   * with it.
   * @returns whether it is there
   */
  async #unlessGone(iface: string, change: () => Promise<void>): Promise<boolean> {
    try {
      await change()
      return true
    } catch (error) {
      if (await isThere(this.#init.processes, iface)) throw error
      return false
    }
  }

  /** If a link came up again before babeld looks, nothing would have happened. */
  #untilDown(iface: string): Promise<void> {
    return this.#init.conditions.until(() => !this.isUp(iface), LINK_EVENT_MS)
  }
}
