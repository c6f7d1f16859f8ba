import { messageOf } from '../../core/errors.ts'
import type { TunnelPolicy } from '../../core/tunnels/policy.ts'
import { type PeerAddress, preferWorking, type TunnelProtocol } from '../../core/values/address-list.ts'
import { type Prefix, subnetNameOf } from '../../core/values/prefix.ts'
import type { ClientEvent, ClientTunnel, TunnelPeer, UnderlayAddress } from '../transport/transport.ts'
import type { TunnelComponents, TunnelLimits } from './components.ts'
import type { GracefulClosing } from './graceful-closing.ts'
import type { TunnelInfo } from './tunnel-info.ts'

interface ClientTunnelsInit
  extends Pick<
    TunnelComponents,
    'transport' | 'router' | 'nodes' | 'cache' | 'clock' | 'log' | 'onExternalAddress'
  > {
  readonly isNeighbourThere: TunnelComponents['isNeighbourThere']
  readonly limits: Pick<TunnelLimits, 'isRevoked'>
  readonly policy: Pick<TunnelPolicy, 'tunnelUp' | 'tunnelDown' | 'tunnelKept'>
  readonly closing: Pick<GracefulClosing, 'drain'>
  /** The policy has been told something. */
  readonly onChange: () => void
  readonly signal: AbortSignal
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

interface Failure {
  readonly prefix: Prefix
  readonly iface: string
  readonly reason: string
  readonly atMs: number
}

/** Why a tunnel ends whose peer is gone, or cannot be reached from where we are now. */
export const NO_ANSWER = 'the peer does not answer any more'
/** Failed tunnels that are shown. */
const MAX_FAILURES = 20

/** The tunnels that we have made to others. */
export class ClientTunnels {
  readonly #init: ClientTunnelsInit
  readonly #tunnels = new Map<Prefix, OwnTunnel>()
  readonly #failures = new Map<Prefix, Failure>()
  readonly #ifaces = new Set<string>()

  constructor(init: ClientTunnelsInit) {
    this.#init = init
  }

  /** Peers with a tunnel that is up. */
  peers(): Prefix[] {
    return [...this.#tunnels.values()].filter(({ state }) => state === 'up').map(({ prefix }) => prefix)
  }

  /** Interface of the tunnel to a peer. */
  ifaceOf(prefix: Prefix): string | undefined {
    return this.#tunnels.get(prefix)?.iface
  }

  /** All of them, and the last ones that failed, as the user sees them. */
  list(): TunnelInfo[] {
    const tunnels = [...this.#tunnels.values()].map(
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
    return [...tunnels, ...failed]
  }

  /** Begins to make a tunnel. @param remotes tried in this order */
  connect(prefix: Prefix, remotes: readonly PeerAddress[]): void {
    const { transport, clock, log } = this.#init
    const iface = this.#freeIface()
    log.debug({ peer: subnetNameOf(prefix), iface }, 'connecting')
    const tunnel = transport.connect({
      iface,
      prefix,
      remotes,
      onEvent: (event) => this.#event(prefix, remotes, event),
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

  /** Ends a tunnel. Routing leaves its interface first, so that our own packets take another way at once. */
  close(prefix: Prefix, reason: string): void {
    const own = this.#tunnels.get(prefix)
    if (!own) return
    own.isGivenUp = true
    this.#init.log.info({ peer: subnetNameOf(prefix), iface: own.iface, reason }, 'closing tunnel')
    const left = own.state === 'up' ? this.#init.router.removeInterface(own.iface) : Promise.resolve()
    this.#background(
      left.catch(() => {}).then(() => own.tunnel.stop()),
      `closing ${own.iface}`,
    )
  }

  /** Ends a tunnel when nothing uses it any more. If something goes on using it, it stays. */
  closeGracefully(prefix: Prefix, reason: string): void {
    this.#background(this.#drainAndClose(prefix, reason), `closing the tunnel to ${subnetNameOf(prefix)}`)
  }

  /** Ends those that are not up yet. */
  closeConnecting(reason: string): void {
    for (const { prefix, state } of [...this.#tunnels.values()])
      if (state === 'connecting') this.close(prefix, reason)
  }

  /** Ends those to peers whose certificates were revoked. */
  endRevoked(): void {
    for (const { prefix, peer } of this.#tunnels.values())
      if (peer && this.#init.limits.isRevoked(peer.serial)) this.close(prefix, 'the certificate was revoked')
  }

  /** The server of a tunnel tells us at which address it sees us now. */
  seenAt(prefix: Prefix, address: string): void {
    const own = this.#tunnels.get(prefix)
    if (own?.state === 'up') this.#init.onExternalAddress(own.iface, address)
  }

  /** Something happened that may have ended tunnels without a word. Those whose peers answer stay. */
  checkAll(): void {
    for (const own of this.#tunnels.values())
      this.#background(this.#check(own), `asking the peer of ${own.iface}`)
  }

  #event(prefix: Prefix, remotes: readonly PeerAddress[], event: ClientEvent): void {
    const own = this.#tunnels.get(prefix)
    if (!own) return
    switch (event.kind) {
      case 'trying':
        return this.#init.log.trace(
          { peer: subnetNameOf(prefix), iface: own.iface, underlay: event.remote.address },
          'trying',
        )
      case 'up':
        return this.#up(own, remotes, event)
      case 'silent':
        return this.#background(this.#check(own), `asking the peer of ${own.iface}`)
      case 'down':
        return this.#down(own, event.reason)
    }
  }

  #up(own: OwnTunnel, remotes: readonly PeerAddress[], event: Extract<ClientEvent, { kind: 'up' }>): void {
    const { limits, policy, clock, cache, log, router, onExternalAddress, onChange } = this.#init
    const { prefix, iface } = own
    const { address, port, protocol } = event.remote
    if (limits.isRevoked(event.peer.serial)) return this.close(prefix, 'its certificate is revoked')
    Object.assign(own, { state: 'up', sinceMs: clock.now(), peer: event.peer, remote: event.remote })
    log.info({ peer: subnetNameOf(prefix), iface, protocol, underlay: address }, 'tunnel up')
    this.#failures.delete(prefix)
    policy.tunnelUp(prefix)
    const worked = remotes.find(
      (remote) => remote.host === address && remote.port === port && remote.protocol === protocol,
    )
    cache.store(prefix, worked ? preferWorking(remotes, worked) : remotes, (other) =>
      this.#failures.has(other),
    )
    this.#background(router.addInterface(iface, 'tunnel'), `adding ${iface} to routing`)
    onExternalAddress(iface, event.externalAddress)
    onChange()
  }

  #down(own: OwnTunnel, reason: string): void {
    const { clock, nodes, router, log, policy, onExternalAddress, onChange } = this.#init
    const { prefix, iface } = own
    const wasUp = own.state === 'up'
    this.#tunnels.delete(prefix)
    onExternalAddress(iface, undefined)
    own.down.abort(new Error('the tunnel is down'))
    log[wasUp ? 'info' : 'debug'](
      { peer: subnetNameOf(prefix), iface, reason },
      wasUp ? 'tunnel down' : 'tunnel failed',
    )
    // One that we gave up ourselves has not failed.
    if (!wasUp && !own.isGivenUp) this.#rememberFailure({ prefix, iface, reason, atMs: clock.now() })
    policy.tunnelDown(prefix, nodes.isReachable(prefix))
    const removed = wasUp ? router.removeInterface(iface) : Promise.resolve()
    this.#background(
      removed.finally(() => {
        this.#ifaces.delete(iface)
        onChange()
      }),
      `removing ${iface} from routing`,
    )
  }

  /** Ends a tunnel whose peer does not answer: long before OpenVPN would, or routing notices. */
  async #check(own: OwnTunnel): Promise<void> {
    const { router, isNeighbourThere } = this.#init
    const neighbour = router.neighbours.find(({ iface }) => iface === own.iface)
    if (own.state !== 'up' || own.isChecked || own.isGivenUp || !neighbour) return
    own.isChecked = true
    let isThere = true
    try {
      isThere = await isNeighbourThere(own.iface, neighbour.address)
    } finally {
      own.isChecked = false
    }
    if (isThere || own.isGivenUp || this.#tunnels.get(own.prefix) !== own) return
    this.close(own.prefix, NO_ANSWER)
    // What ended this one (our address at the gateway has changed, say) may have ended others.
    this.checkAll()
  }

  async #drainAndClose(prefix: Prefix, reason: string): Promise<void> {
    const own = this.#tunnels.get(prefix)
    if (own?.state !== 'up') return this.close(prefix, reason)
    const { log, closing, policy, onChange } = this.#init
    const peer = subnetNameOf(prefix)
    log.debug({ peer, iface: own.iface, reason }, 'draining tunnel')
    const outcome = await closing.drain(prefix, own.iface, own.down.signal)
    if (this.#tunnels.get(prefix) !== own) return
    if (outcome === 'drained') return this.close(prefix, reason)
    log.info({ peer, iface: own.iface }, 'the tunnel is still in use and stays')
    policy.tunnelKept(prefix)
    onChange()
  }

  #rememberFailure(failure: Failure): void {
    this.#failures.delete(failure.prefix)
    this.#failures.set(failure.prefix, failure)
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > MAX_FAILURES && oldest !== undefined) this.#failures.delete(oldest)
  }

  #freeIface(): string {
    const { router } = this.#init
    let number = 1
    const name = () => `re6stnet${number}`
    while (this.#ifaces.has(name()) || router.remembers(name())) number++
    const iface = name()
    this.#ifaces.add(iface)
    return iface
  }

  #background(work: Promise<unknown>, what: string): void {
    work.catch((error: unknown) => {
      if (!this.#init.signal.aborted) this.#init.log.warn({ reason: messageOf(error) }, `${what} failed`)
    })
  }
}
