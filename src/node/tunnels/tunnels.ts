import { messageOf } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import type {
  CutOff,
  NetworkView,
  TunnelDecision,
  TunnelStrategy,
  TunnelTarget,
} from '../../core/tunnels/decisions.ts'
import { type SharedCertificate, SharedCertificates } from '../../core/tunnels/shared-certificates.ts'
import type { PeerAddress } from '../../core/values/address-list.ts'
import { type Prefix, subnetNameOf } from '../../core/values/prefix.ts'
import { inBackground } from '../../platform/background.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import type { BootstrapPeer } from '../../platform/registry-client.ts'
import { ClientTunnels } from './client-tunnels.ts'
import type { TunnelComponents, TunnelLimits } from './components.ts'
import { GracefulClosing } from './graceful-closing.ts'
import { ServedClients } from './served-clients.ts'
import { ServerRenewal } from './server-renewal.ts'
import type { TunnelInfo } from './tunnel-info.ts'
import type { TunnelServers } from './tunnel-servers.ts'

/** Several things happen at once: decide a moment after the first. */
const DECISION_DELAY_MS = 20
/** A node's timers are looked at no later than this: also notices when the machine slept. */
const MAX_WAKE_MS = 30_000

/** Runs a tunnel strategy: does what it decides, tells it what happened. */
export class Tunnels implements AsyncDisposable {
  readonly #components: TunnelComponents
  readonly #strategy: TunnelStrategy
  readonly #own: ClientTunnels
  readonly #served: ServedClients
  readonly #shared = new SharedCertificates()
  readonly #renewal: ServerRenewal
  readonly #stopping = new AbortController()
  /** Of tunnels that carry routes. */
  readonly closing: GracefulClosing
  /** One line for each reason, not one for each try. */
  readonly #bootstrapLog: LogLimit
  /** The question to the registry that is not answered yet. */
  #bootstrap: AbortController | undefined
  #decision: { readonly atMs: number; readonly timer: Disposable } | undefined

  /** @param strategy which has been told nothing yet */
  constructor(components: TunnelComponents, limits: TunnelLimits, strategy: TunnelStrategy) {
    this.#components = components
    const { clock } = components
    const { signal } = this.#stopping
    this.#bootstrapLog = new LogLimit(clock, { burst: 1 })
    this.#strategy = strategy
    const shared = {
      ...{ ...components, limits, strategy, signal },
      shared: this.#shared,
      onChange: () => this.changed(),
    }
    this.closing = new GracefulClosing({
      ...components,
      send: components.sendClosing,
      helloIntervalMs: () => limits.helloIntervalMs(),
      isServer: (iface) => this.servers.get(iface) !== undefined,
      signal,
    })
    this.#served = new ServedClients({ ...shared, closing: this.closing })
    this.#renewal = new ServerRenewal({
      ...{ ...components, servers: this.servers, signal },
      hasClients: (iface) => this.#served.hasClientsOn(iface),
    })
    this.#own = new ClientTunnels({ ...shared, closing: this.closing })
  }

  /** Others connect to these. */
  get servers(): TunnelServers {
    return this.#served.servers
  }

  /** Begins to make tunnels. */
  start(): void {
    this.#decideAfter(0)
  }

  /** Something has changed that may call for another decision. */
  changed(): void {
    this.#decideAfter(DECISION_DELAY_MS)
  }

  /** Since when we are cut off, by the wall clock, and when the registry is asked again; undefined: we are not. */
  get cutOff(): CutOff | undefined {
    const { cutOff } = this.#strategy
    const { clock } = this.#components
    const offsetMs = clock.now() - clock.monotonicMs()
    return cutOff && { sinceMs: cutOff.sinceMs + offsetMs, nextAskMs: cutOff.nextAskMs + offsetMs }
  }

  /** Certificates that two machines use, ours among them. Times are of the wall clock. */
  get sharedCertificates(): readonly SharedCertificate[] {
    const { clock } = this.#components
    const offsetMs = clock.now() - clock.monotonicMs()
    return this.#shared
      .list(clock.monotonicMs())
      .map((one) => ({ ...one, sinceMs: one.sinceMs + offsetMs, lastMs: one.lastMs + offsetMs }))
  }

  /**
   * We have another certificate, or the CA has. Tunnels that are up go on with the one they began with; new ones read the file.
   * @param goodUntilMs until when others accept the one that we had, by the wall clock
   */
  identityRenewed(goodUntilMs: number): void {
    this.#strategy.circumstancesChanged('identity')
    this.#own.closeConnecting('made again with the new certificate')
    this.changed()
    this.#renewal.renewed(goodUntilMs)
  }

  /** The wall clock was set: what was not valid may be now. */
  clockSet(): void {
    this.#strategy.circumstancesChanged('clock')
    this.changed()
  }

  /** Routing has other keys: neighbours may hear us that did not. */
  routingKeysChanged(): void {
    this.#strategy.circumstancesChanged('routing-keys')
    this.changed()
  }

  /**
   * This machine's own network has changed: no back-off counts any more, what is being made is begun anew, and client
   * tunnels whose peers do not answer from here end.
   */
  networkChanged(): void {
    this.#strategy.circumstancesChanged('network')
    this.#own.closeUnheard('made again from where we are now')
    this.#bootstrap?.abort(new Error('asked again from where we are now'))
    this.#own.checkAll()
    this.servers.retryNow()
    this.changed()
  }

  /** A peer said its addresses. */
  addressesLearnt(prefix: Prefix, addresses: readonly PeerAddress[]): void {
    this.#strategy.addressesLearnt(prefix, addresses)
    this.changed()
  }

  /** A peer tells us at which address it sees us: it counts if we have a tunnel to it. */
  seenAt(prefix: Prefix, address: string): void {
    this.#own.seenAt(prefix, address)
  }

  /** Ends the tunnels of certificates that were revoked, in both directions. */
  endRevoked(): void {
    this.#own.endRevoked()
    this.#served.endRevoked()
  }

  /** Peers with a tunnel that is up, in either direction. */
  peers(): Prefix[] {
    return [...new Set([...this.clientTunnelPeers(), ...this.servedPeers()])]
  }

  /** Peers to which we have made a tunnel. */
  clientTunnelPeers(): Prefix[] {
    return this.#own.peers()
  }

  /** Peers that have made a tunnel to us. */
  servedPeers(): Prefix[] {
    return this.#served.peers()
  }

  /** All tunnels, and the last ones that failed. */
  list(): TunnelInfo[] {
    return [...this.#own.list(), ...this.#served.list()]
  }

  #decideAfter(delayMs: number): void {
    const { clock } = this.#components
    const atMs = clock.monotonicMs() + delayMs
    if (this.#stopping.signal.aborted || (this.#decision && this.#decision.atMs <= atMs)) return
    this.#decision?.timer[Symbol.dispose]()
    this.#decision = { atMs, timer: clock.after(delayMs, () => this.#decide()) }
  }

  #decide(): void {
    this.#decision = undefined
    const { clock, nodes, cache, router } = this.#components
    const nowMs = clock.monotonicMs()
    const ifaceOf = (target: TunnelTarget) => this.#own.ifaceOf(target) ?? ''
    const view: NetworkView = {
      isRouting: router.isRunning,
      isReachable: (prefix) => nodes.isReachable(prefix),
      reachesAnybody: nodes.size > 0,
      isNeighbour: (prefix) => nodes.isNeighbour(prefix),
      neighbourChanges: nodes.neighbourChanges,
      sampleReachable: (random: Random) => nodes.sample(random),
      nodesOver: (prefix) => nodes.countOver(ifaceOf(prefix)),
      isTunnelDoubted: (prefix) => nodes.hasDoubtedOn(ifaceOf(prefix)),
      isTunnelUsable: (target) => nodes.hasNeighbourOn(ifaceOf(target)),
      isClientUsable: (prefix) =>
        this.#served.ifacesOf(prefix).some((iface) => nodes.mayHaveNeighbourOn(iface, prefix)),
      addressesOf: (prefix) => cache.addressesOf(prefix),
      cachedPeers: () => cache.peers(),
    }
    for (const decision of this.#strategy.decide(view, nowMs)) this.#execute(decision)
    this.#decideAfter(Math.min(MAX_WAKE_MS, Math.max(DECISION_DELAY_MS, this.#strategy.nextWakeMs - nowMs)))
  }

  #execute(decision: TunnelDecision): void {
    switch (decision.kind) {
      case 'connect':
        return this.#own.connect(decision.target, decision.addresses)
      case 'close':
        return this.#own.closeGracefully(decision.target, decision.reason)
      case 'close-now':
        return this.#own.close(decision.target, decision.reason)
      case 'give-up':
        return this.#own.close(decision.target, decision.reason, { isFailure: true })
      case 'drop-client':
        return this.#served.drop(decision.prefix, decision.reason)
      case 'ask-addresses':
        return this.#components.askAddresses(decision.prefix)
      case 'ask-registry':
        return inBackground(
          this.#components.log,
          'asking the registry for a peer',
          this.#askRegistry(decision.forPeer),
          this.#stopping.signal,
        )
    }
  }

  async #askRegistry(forPeer: boolean): Promise<void> {
    const { clock, getBootstrapPeer, onCutOff, log } = this.#components
    onCutOff()
    let peer: BootstrapPeer | undefined
    const asking = new AbortController()
    this.#bootstrap = asking
    try {
      if (forPeer) {
        peer = await getBootstrapPeer(AbortSignal.any([asking.signal, this.#stopping.signal]))
        this.#bootstrapLog.forget()
        log.debug({ peer: peer && subnetNameOf(peer.prefix) }, 'the registry proposes a peer')
      }
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      if (!asking.signal.aborted)
        this.#bootstrapLog.write(messageOf(error), (omitted) =>
          log.info({ reason: messageOf(error), ...omitted }, 'the registry proposes no peer'),
        )
    }
    this.#strategy.registryAnswered(peer, clock.monotonicMs())
    this.changed()
  }

  /** No more decisions; the transport ends the tunnels. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error('the node stops'))
    this.#decision?.timer[Symbol.dispose]()
  }
}
