import { DAY_MS } from '../../core/day.ts'
import type { Random } from '../../core/random.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { TunnelServers } from './tunnel-servers.ts'

interface ServerRenewalInit {
  readonly servers: Pick<TunnelServers, 'wantedIfaces' | 'restart'>
  /** Whether somebody has a tunnel to this server. */
  readonly hasClients: (iface: string) => boolean
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly signal: AbortSignal
}

/** So long before the end of what they have, servers with clients are started again; not those of all nodes at once. */
const BEFORE_END_MS = { first: 7 * DAY_MS, last: DAY_MS } as const
/** Also notices that the clock was set. */
const LOOK_MS = 60_000

/**
 * Starts servers again that have read a certificate which was renewed. They can go on with what they have until that ends,
 * and so can the tunnels to them: one without clients is started again at once, others when they have none, or when it is
 * time.
 */
export class ServerRenewal {
  readonly #init: ServerRenewalInit
  /** Servers with an old certificate, and when they are started again at the latest, by the wall clock. */
  readonly #due = new Map<string, number>()
  #timer: Disposable | undefined

  constructor(init: ServerRenewalInit) {
    this.#init = init
    init.signal.addEventListener('abort', () => this.#timer?.[Symbol.dispose](), { once: true })
  }

  /** @param goodUntilMs until when others accept what the servers have now, by the wall clock */
  renewed(goodUntilMs: number): void {
    const { servers, random } = this.#init
    const { first, last } = BEFORE_END_MS
    const atMs = goodUntilMs - last - random.next() * (first - last)
    // One that is just being started may have read the old files.
    for (const iface of servers.wantedIfaces)
      this.#due.set(iface, Math.min(atMs, this.#due.get(iface) ?? atMs))
    this.look()
  }

  /** A client has gone, or time has passed. */
  look(): void {
    const { clock, hasClients, log, signal } = this.#init
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    if (signal.aborted) return
    const nowMs = clock.now()
    const ready = new Map([...this.#due].filter(([iface, atMs]) => atMs <= nowMs || !hasClients(iface)))
    for (const iface of ready.keys()) this.#due.delete(iface)
    if (ready.size > 0)
      inBackground(log, 'starting servers with the new certificate', this.#restart(ready), signal)
    this.#lookLater()
  }

  #lookLater(): void {
    if (this.#due.size > 0) this.#timer ??= this.#init.clock.after(LOOK_MS, () => this.look())
  }

  /** Whatever keeps them from that: it is still to be done, or nobody connects any more when the old certificate has ended. */
  async #restart(ready: ReadonlyMap<string, number>): Promise<void> {
    const { servers, signal } = this.#init
    try {
      await servers.restart((iface) => ready.has(iface))
    } catch (error) {
      for (const [iface, atMs] of ready) this.#due.set(iface, Math.min(atMs, this.#due.get(iface) ?? atMs))
      if (!signal.aborted) this.#lookLater()
      throw error
    }
  }
}
