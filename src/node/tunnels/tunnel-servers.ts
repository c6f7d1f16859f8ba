import { messageOf } from '../../core/errors.ts'
import { reasonsText } from '../../core/reasons.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { Retries } from '../../platform/retries.ts'
import { Turns } from '../../platform/turns.ts'
import type { ServerSpec, Transport, TunnelServer } from '../transport/transport.ts'

/** Where a server listens. */
export type ServerPlace = Pick<ServerSpec, 'iface' | 'protocol' | 'port'>

interface TunnelServersInit {
  readonly transport: Pick<Transport, 'listen'>
  readonly clock: Clock
  readonly log: Logger
  /** The rest of what a server is started with. */
  readonly specOf: (place: ServerPlace) => ServerSpec
  /** Takes a server out of use; it is in use again when that is disposed of. */
  readonly drain: (iface: string) => Promise<AsyncDisposable>
  readonly signal: AbortSignal
}

/** A port that another program has taken may be free again. */
const RETRY_MS = 60_000

/** The servers of this node, which change while it runs: one thing is done at a time, whoever wants it. */
export class TunnelServers {
  readonly #init: TunnelServersInit
  /** By interface. */
  readonly #servers = new Map<string, TunnelServer>()
  #wanted: readonly ServerPlace[] = []
  /** Of those that should listen and cannot, by interface. */
  readonly #retries: Retries<string>
  readonly #turns = new Turns()

  constructor(init: TunnelServersInit) {
    const { clock, log, signal } = init
    this.#init = init
    this.#retries = new Retries({
      ...{ clock, signal, limits: { minMs: RETRY_MS, maxMs: RETRY_MS } },
      again: () =>
        inBackground(
          log,
          'starting servers',
          this.#turns.take(() => this.#settle()),
        ),
    })
  }

  /** Interfaces of those that run. */
  get ifaces(): readonly string[] {
    return [...this.#servers.keys()]
  }

  /** Interfaces of those that should run: also of one that is being started, or cannot be. */
  get wantedIfaces(): readonly string[] {
    return this.#wanted.map(({ iface }) => iface)
  }

  /** Why not all listen that should; undefined: they do. */
  get failure(): string | undefined {
    return reasonsText(this.#retries.reasons)
  }

  /** The server of an interface. */
  get(iface: string): TunnelServer | undefined {
    return this.#servers.get(iface)
  }

  /** Starts the first ones, side by side. @throws Re6stError when one cannot listen */
  async start(places: readonly ServerPlace[]): Promise<void> {
    this.#wanted = places
    await Promise.all(places.map((place) => this.#listen(place)))
  }

  /** Has these servers from now on. Those that stay notice nothing; one that cannot listen is tried again. */
  provide(places: readonly ServerPlace[]): Promise<void> {
    this.#wanted = places
    return this.#turns.take(() => this.#settle())
  }

  /** Those that could not listen, or have ended, may be able to now: an address or a port may be there again. */
  retryNow(): void {
    this.#retries.now()
    for (const server of this.#servers.values()) server.retryNow()
  }

  /**
   * Starts servers again, one after another: with another encryption, or certificate. First, others find ways that do not
   * lead over their clients, as far as there are some.
   */
  restart(isConcerned: (iface: string) => boolean = () => true): Promise<void> {
    const { drain } = this.#init
    return this.#turns.take(async () => {
      for (const iface of this.ifaces.filter(isConcerned)) {
        await using _ = await drain(iface)
        await this.#stop(iface)
        await this.#settle()
      }
    })
  }

  async #settle(): Promise<void> {
    const { signal, log } = this.#init
    const isWanted = (iface: string) => this.#wanted.some((place) => place.iface === iface)
    for (const iface of [...this.#retries.reasons.keys()]) if (!isWanted(iface)) this.#retries.forget(iface)
    for (const iface of [...this.#servers.keys()]) if (!isWanted(iface)) await this.#stop(iface)
    for (const place of this.#wanted) {
      if (signal.aborted) return
      if (this.#servers.has(place.iface)) continue
      try {
        await this.#retries.watch(place.iface, this.#listen(place))
      } catch (error) {
        if (signal.aborted) return
        log.error(
          { iface: place.iface, reason: messageOf(error), retryMs: RETRY_MS },
          'the server does not start',
        )
      }
    }
  }

  async #listen(place: ServerPlace): Promise<void> {
    const { transport, specOf, signal } = this.#init
    this.#servers.set(place.iface, await transport.listen(specOf(place), signal))
  }

  async #stop(iface: string): Promise<void> {
    await this.#servers.get(iface)?.stop()
    this.#servers.delete(iface)
  }
}
