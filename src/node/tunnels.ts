import { messageOf } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { refusalOfClient } from '../core/tunnels/admission.ts'
import { type TunnelDecision, TunnelPolicy, type TunnelSettings } from '../core/tunnels/policy.ts'
import { type PeerAddress, preferWorking, type TunnelProtocol } from '../core/values/address-list.ts'
import { type Prefix, subnetNameOf } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { LogLimit } from '../platform/log-limit.ts'
import type { BootstrapPeer } from '../platform/registry-client.ts'
import type { Cache } from './cache/cache.ts'
import { GracefulClosing } from './graceful-closing.ts'
import type { RoutedNodes } from './network-view.ts'
import type { Router } from './routing/router.ts'
import type {
  Admission,
  ClientEvent,
  ClientTunnel,
  ServerEvent,
  Transport,
  TunnelPeer,
  UnderlayAddress,
} from './transport/transport.ts'
import { type ServerPlace, TunnelServers } from './tunnel-servers.ts'

/** What tunnels need. */
export interface TunnelComponents {
  readonly transport: Pick<Transport, 'connect' | 'listen'>
  readonly router: Pick<
    Router,
    | 'addInterface'
    | 'removeInterface'
    | 'remembers'
    | 'setCost'
    | 'leaveInterface'
    | 'neighbours'
    | 'routes'
    | 'watch'
  >
  readonly nodes: RoutedNodes
  readonly cache: Pick<Cache, 'addressesOf' | 'peers' | 'store'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Asks a peer for its addresses; the answer comes by `addressesLearnt`. */
  readonly askAddresses: (prefix: Prefix) => void
  /** Asks the registry for a peer. */
  readonly getBootstrapPeer: (signal: AbortSignal) => Promise<BootstrapPeer | undefined>
  /** Says to a peer where we are in closing a tunnel with it. */
  readonly sendClosing: (prefix: Prefix, what: 'close-tunnel' | 'tunnel-drained') => void
  /** A tunnel with a peer is up, in either direction. */
  readonly onPeer: (prefix: Prefix) => void
  /** The server of a tunnel told us at which address it sees us; undefined: the tunnel is down. */
  readonly onExternalAddress: (iface: string, address: string | undefined) => void
  /** Asks a neighbour on a link whether it is there. True also where that cannot be told. */
  readonly isNeighbourThere: (iface: string, address: string) => Promise<boolean>
}

/** What is fixed while the node runs. */
export interface TunnelLimits {
  readonly own: Prefix
  maxClients(): number
  helloIntervalMs(): number
  isRevoked(serial: bigint): boolean
}

/** A tunnel as the user sees it. */
export interface TunnelInfo {
  readonly direction: 'client' | 'server'
  readonly state: 'connecting' | 'up' | 'failed'
  readonly iface: string
  readonly prefix: Prefix | undefined
  readonly serial: bigint | undefined
  readonly protocol: TunnelProtocol | undefined
  readonly underlay: UnderlayAddress | undefined
  readonly sinceMs: number
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly reason: string | undefined
}

interface OwnTunnel {
  readonly iface: string
  readonly prefix: Prefix
  readonly tunnel: ClientTunnel
  /** Aborted when it is down. */
  readonly down: AbortController
  state: 'connecting' | 'up'
  isGivenUp: boolean
  /** Its peer is being asked whether it is there. */
  isChecked: boolean
  sinceMs: number
  peer: TunnelPeer | undefined
  remote: (UnderlayAddress & { readonly protocol: TunnelProtocol }) | undefined
}

interface ServedClient {
  readonly iface: string
  readonly protocol: TunnelProtocol
  readonly client: number
  readonly peer: TunnelPeer
  readonly underlay: UnderlayAddress
  readonly sinceMs: number
}

interface Failure {
  readonly prefix: Prefix
  readonly iface: string
  readonly reason: string
  readonly atMs: number
}

/** Several things happen at once: decide a moment after the first. */
const DECISION_DELAY_MS = 20
/** Why a tunnel ends whose peer is gone, or cannot be reached from where we are now. */
export const NO_ANSWER = 'the peer does not answer any more'
/** Failed tunnels that are shown. */
const MAX_FAILURES = 20
/** A node's timers are looked at no later than this: also notices when the machine slept. */
const MAX_WAKE_MS = 30_000

/** Runs the tunnel policy: does what it decides, tells it what happened. */
export class Tunnels implements AsyncDisposable {
  readonly #components: TunnelComponents
  readonly #limits: TunnelLimits
  readonly #policy: TunnelPolicy
  readonly #tunnels = new Map<Prefix, OwnTunnel>()
  readonly #clients = new Map<string, ServedClient>()
  readonly #failures = new Map<Prefix, Failure>()
  readonly #ifaces = new Set<string>()
  readonly #stopping = new AbortController()
  /** Others connect to these. */
  readonly servers: TunnelServers
  /** Of tunnels that carry routes. */
  readonly closing: GracefulClosing
  /** One line for each reason, not one for each try. */
  readonly #bootstrapLog: LogLimit
  #decision: { readonly atMs: number; readonly timer: Disposable } | undefined

  constructor(components: TunnelComponents, limits: TunnelLimits, settings: TunnelSettings) {
    this.#components = components
    this.#limits = limits
    this.#bootstrapLog = new LogLimit(components.clock, { burst: 1 })
    this.closing = new GracefulClosing({
      ...components,
      send: components.sendClosing,
      helloIntervalMs: () => limits.helloIntervalMs(),
      isServer: (iface) => this.servers.get(iface) !== undefined,
      signal: this.#stopping.signal,
    })
    this.servers = new TunnelServers({
      ...components,
      specOf: (place) => ({
        ...place,
        admit: (peer) => this.#admit(peer),
        onEvent: (event) => this.#serverEvent(place, event),
      }),
      signal: this.#stopping.signal,
    })
    this.#policy = new TunnelPolicy(limits.own, settings, components.random, components.clock.monotonicMs())
  }

  /** Begins to make tunnels. */
  start(): void {
    this.#decideAfter(0)
  }

  /** Something has changed that may call for another decision. */
  changed(): void {
    this.#decideAfter(DECISION_DELAY_MS)
  }

  configure(settings: TunnelSettings): void {
    this.#policy.configure(settings)
    this.changed()
  }

  /** We have another certificate. Tunnels that are up go on with the one they began with; new ones read the file. */
  async identityRenewed(): Promise<void> {
    this.#policy.identityRenewed()
    for (const { prefix, state } of [...this.#tunnels.values()])
      if (state === 'connecting') this.#close(prefix, 'made again with the new certificate')
    this.changed()
    await this.servers.restart()
  }

  /** The wall clock was set: what was not valid may be now. */
  clockSet(): void {
    this.#policy.clockSet()
    this.changed()
  }

  /** A peer said its addresses. */
  addressesLearnt(prefix: Prefix, addresses: readonly PeerAddress[]): void {
    this.#policy.addressesLearnt(prefix, addresses)
    this.changed()
  }

  /** Ends the tunnels of certificates that were revoked, in both directions. */
  endRevoked(): void {
    for (const tunnel of this.#tunnels.values())
      if (tunnel.peer && this.#limits.isRevoked(tunnel.peer.serial))
        this.#close(tunnel.prefix, 'the certificate was revoked')
    for (const client of this.#clients.values())
      if (this.#limits.isRevoked(client.peer.serial)) this.#drop(client, 'the certificate was revoked')
  }

  /** Peers with a tunnel that is up, in either direction. */
  peers(): Prefix[] {
    return [...new Set([...this.clientTunnelPeers(), ...this.servedPeers()])]
  }

  /** Peers to which we have made a tunnel. */
  clientTunnelPeers(): Prefix[] {
    return [...this.#tunnels.values()].filter(({ state }) => state === 'up').map(({ prefix }) => prefix)
  }

  /** Peers that have made a tunnel to us. */
  servedPeers(): Prefix[] {
    return [...new Set([...this.#clients.values()].map(({ peer }) => peer.prefix))]
  }

  /** All tunnels, and the last ones that failed. */
  list(): TunnelInfo[] {
    const own = [...this.#tunnels.values()].map(
      ({ iface, prefix, tunnel, state, sinceMs, peer, remote }): TunnelInfo => ({
        direction: 'client',
        state,
        iface,
        prefix,
        serial: peer?.serial,
        protocol: remote?.protocol,
        underlay: remote,
        sinceMs,
        receivedBytes: tunnel.traffic.receivedBytes,
        sentBytes: tunnel.traffic.sentBytes,
        reason: undefined,
      }),
    )
    const served = [...this.#clients.values()].map(
      ({ iface, protocol, client, peer, underlay, sinceMs }): TunnelInfo => {
        const traffic = this.servers.get(iface)?.traffic.get(client)
        return {
          direction: 'server',
          state: 'up',
          iface,
          prefix: peer.prefix,
          serial: peer.serial,
          protocol,
          underlay,
          sinceMs,
          receivedBytes: traffic?.receivedBytes ?? 0,
          sentBytes: traffic?.sentBytes ?? 0,
          reason: undefined,
        }
      },
    )
    const failed = [...this.#failures.values()].map(
      ({ prefix, iface, reason, atMs }): TunnelInfo => ({
        direction: 'client',
        state: 'failed',
        iface,
        prefix,
        serial: undefined,
        protocol: undefined,
        underlay: undefined,
        sinceMs: atMs,
        receivedBytes: 0,
        sentBytes: 0,
        reason,
      }),
    )
    return [...own, ...served, ...failed]
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
    const { clock, nodes, cache } = this.#components
    const nowMs = clock.monotonicMs()
    const view = {
      isReachable: (prefix: Prefix) => nodes.isReachable(prefix),
      isNeighbour: (prefix: Prefix) => nodes.isNeighbour(prefix),
      sampleReachable: (random: Random) => nodes.sample(random),
      nodesOver: (prefix: Prefix) => nodes.countOver(this.#tunnels.get(prefix)?.iface ?? ''),
      addressesOf: (prefix: Prefix) => cache.addressesOf(prefix),
      cachedPeers: () => cache.peers(),
    }
    for (const decision of this.#policy.decide(view, nowMs)) this.#execute(decision)
    this.#decideAfter(Math.min(MAX_WAKE_MS, Math.max(DECISION_DELAY_MS, this.#policy.nextWakeMs - nowMs)))
  }

  #execute(decision: TunnelDecision): void {
    switch (decision.kind) {
      case 'connect':
        return this.#connect(decision.prefix, decision.addresses)
      case 'close':
        return this.#background(
          this.#closeGracefully(decision.prefix, decision.reason),
          `closing the tunnel to ${subnetNameOf(decision.prefix)}`,
        )
      case 'close-now':
        return this.#close(decision.prefix, decision.reason)
      case 'ask-addresses':
        return this.#components.askAddresses(decision.prefix)
      case 'ask-registry':
        return void this.#askRegistry()
    }
  }

  #connect(prefix: Prefix, remotes: readonly PeerAddress[]): void {
    const { transport, clock, log } = this.#components
    const iface = this.#freeIface()
    log.debug({ peer: subnetNameOf(prefix), iface }, 'connecting')
    const tunnel = transport.connect({
      iface,
      prefix,
      remotes,
      onEvent: (event) => this.#clientEvent(prefix, remotes, event),
    })
    this.#tunnels.set(prefix, {
      iface,
      prefix,
      tunnel,
      down: new AbortController(),
      state: 'connecting',
      isGivenUp: false,
      isChecked: false,
      sinceMs: clock.now(),
      peer: undefined,
      remote: undefined,
    })
  }

  #clientEvent(prefix: Prefix, remotes: readonly PeerAddress[], event: ClientEvent): void {
    const own = this.#tunnels.get(prefix)
    if (!own) return
    const { clock, cache, log, router } = this.#components
    const peer = subnetNameOf(prefix)
    switch (event.kind) {
      case 'trying':
        return log.trace({ peer, iface: own.iface, underlay: event.remote.address }, 'trying')
      case 'up': {
        if (this.#limits.isRevoked(event.peer.serial))
          return this.#close(prefix, 'its certificate is revoked')
        Object.assign(own, { state: 'up', sinceMs: clock.now(), peer: event.peer, remote: event.remote })
        log.info(
          { peer, iface: own.iface, protocol: event.remote.protocol, underlay: event.remote.address },
          'tunnel up',
        )
        this.#failures.delete(prefix)
        this.#policy.tunnelUp(prefix)
        const worked = remotes.find(
          ({ host, port, protocol }) =>
            host === event.remote.address && port === event.remote.port && protocol === event.remote.protocol,
        )
        cache.store(prefix, worked ? preferWorking(remotes, worked) : remotes, (other) =>
          this.#failures.has(other),
        )
        this.#background(router.addInterface(own.iface, 'tunnel'), `adding ${own.iface} to routing`)
        this.#components.onExternalAddress(own.iface, event.externalAddress)
        this.#components.onPeer(prefix)
        return this.changed()
      }
      case 'silent':
        return void this.#check(own)
      case 'down':
        return this.#clientDown(own, event.reason)
    }
  }

  /** Ends a client tunnel whose peer does not answer: long before OpenVPN would, or routing notices. */
  async #check(own: OwnTunnel): Promise<void> {
    const { router, isNeighbourThere } = this.#components
    const neighbour = router.neighbours.find(({ iface }) => iface === own.iface)
    if (own.state !== 'up' || own.isChecked || own.isGivenUp || !neighbour) return
    own.isChecked = true
    const isThere = await isNeighbourThere(own.iface, neighbour.address)
    own.isChecked = false
    if (isThere || own.isGivenUp || this.#tunnels.get(own.prefix) !== own) return
    this.#close(own.prefix, NO_ANSWER)
    // What ended this one (our address at the gateway has changed, say) may have ended others.
    this.checkAll()
  }

  /** Something happened that may have ended tunnels without a word. Those whose peers answer stay. */
  checkAll(): void {
    for (const own of this.#tunnels.values()) void this.#check(own)
  }

  #clientDown(own: OwnTunnel, reason: string): void {
    const { clock, nodes, router, log } = this.#components
    const { prefix, iface } = own
    const wasUp = own.state === 'up'
    this.#tunnels.delete(prefix)
    this.#components.onExternalAddress(iface, undefined)
    own.down.abort(new Error('the tunnel is down'))
    log[wasUp ? 'info' : 'debug'](
      { peer: subnetNameOf(prefix), iface, reason },
      wasUp ? 'tunnel down' : 'tunnel failed',
    )
    // One that we gave up ourselves has not failed.
    if (!wasUp && !own.isGivenUp) this.#rememberFailure({ prefix, iface, reason, atMs: clock.now() })
    this.#policy.tunnelDown(prefix, nodes.isReachable(prefix))
    const removed = wasUp ? router.removeInterface(iface) : Promise.resolve()
    this.#background(
      removed.finally(() => {
        this.#ifaces.delete(iface)
        this.changed()
      }),
      `removing ${iface} from routing`,
    )
  }

  /** Closes a tunnel when nothing uses it any more. If something goes on using it, it stays. */
  async #closeGracefully(prefix: Prefix, reason: string): Promise<void> {
    const own = this.#tunnels.get(prefix)
    if (own?.state !== 'up') return this.#close(prefix, reason)
    const { log } = this.#components
    const peer = subnetNameOf(prefix)
    log.debug({ peer, iface: own.iface, reason }, 'draining tunnel')
    const outcome = await this.closing.drain(prefix, own.iface, own.down.signal)
    if (this.#tunnels.get(prefix) !== own) return
    if (outcome === 'drained') return this.#close(prefix, reason)
    log.info({ peer, iface: own.iface }, 'the tunnel is still in use and stays')
    this.#policy.tunnelKept(prefix)
    this.changed()
  }

  /** Routing leaves the interface before the tunnel ends, so that our own packets take another way at once. */
  #close(prefix: Prefix, reason: string): void {
    const own = this.#tunnels.get(prefix)
    if (!own) return
    own.isGivenUp = true
    this.#components.log.info({ peer: subnetNameOf(prefix), iface: own.iface, reason }, 'closing tunnel')
    const left = own.state === 'up' ? this.#components.router.removeInterface(own.iface) : Promise.resolve()
    this.#background(
      left.catch(() => {}).then(() => own.tunnel.stop()),
      `closing ${own.iface}`,
    )
  }

  async #askRegistry(): Promise<void> {
    const { clock, getBootstrapPeer, log } = this.#components
    let peer: BootstrapPeer | undefined
    try {
      peer = await getBootstrapPeer(this.#stopping.signal)
      this.#bootstrapLog.forget()
      log.debug({ peer: peer && subnetNameOf(peer.prefix) }, 'the registry proposes a peer')
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      this.#bootstrapLog.write(messageOf(error), (omitted) =>
        log.info({ reason: messageOf(error), ...omitted }, 'the registry proposes no peer'),
      )
    }
    this.#policy.bootstrapAnswered(peer, clock.monotonicMs())
    this.changed()
  }

  #admit(peer: TunnelPeer): Admission {
    const others = this.servedPeers().filter((prefix) => prefix !== peer.prefix).length
    const reason = refusalOfClient({
      own: this.#limits.own,
      peer: peer.prefix,
      isRevoked: this.#limits.isRevoked(peer.serial),
      otherClients: others,
      maxClients: this.#limits.maxClients(),
    })
    return reason === undefined ? { admit: true } : { admit: false, reason }
  }

  #serverEvent({ iface, protocol }: ServerPlace, event: ServerEvent): void {
    const { log, clock } = this.#components
    switch (event.kind) {
      case 'listening':
        return log.info({ iface, protocol }, 'server listens')
      case 'failed':
        return log.warn({ iface, protocol, reason: event.reason }, 'server ended, it is started again')
      case 'client-up': {
        const { client, peer, underlay } = event
        // One that was restarted comes back before its old tunnel was missed.
        for (const old of this.#clients.values())
          if (old.peer.prefix === peer.prefix) this.#drop(old, 'the peer has connected again')
        this.#clients.set(`${iface}/${client}`, {
          iface,
          protocol,
          client,
          peer,
          underlay,
          sinceMs: clock.now(),
        })
        log.info({ peer: subnetNameOf(peer.prefix), iface, underlay: underlay.address }, 'client up')
        this.#policy.clientUp(peer.prefix)
        this.#components.onPeer(peer.prefix)
        return this.changed()
      }
      case 'client-down': {
        const { client, peer, reason } = event
        if (!this.#clients.delete(`${iface}/${client}`)) return
        log.info({ peer: subnetNameOf(peer.prefix), iface, reason }, 'client down')
        this.#policy.clientDown(peer.prefix)
        return this.changed()
      }
    }
  }

  #drop({ iface, client }: ServedClient, reason: string): void {
    this.servers.get(iface)?.dropClient(client, reason)
  }

  #rememberFailure(failure: Failure): void {
    this.#failures.delete(failure.prefix)
    this.#failures.set(failure.prefix, failure)
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > MAX_FAILURES && oldest !== undefined) this.#failures.delete(oldest)
  }

  #freeIface(): string {
    const { router } = this.#components
    let number = 1
    const name = () => `re6stnet${number}`
    while (this.#ifaces.has(name()) || router.remembers(name())) number++
    const iface = name()
    this.#ifaces.add(iface)
    return iface
  }

  #background(work: Promise<unknown>, what: string): void {
    work.catch((error: unknown) => {
      if (!this.#stopping.signal.aborted)
        this.#components.log.warn({ reason: messageOf(error) }, `${what} failed`)
    })
  }

  /** No more decisions; the transport ends the tunnels. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error('the node stops'))
    this.#decision?.timer[Symbol.dispose]()
  }
}
