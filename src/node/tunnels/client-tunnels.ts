import { isUnwantedByPeer } from '../../core/openvpn/failure.ts'
import { ANYONE, type TunnelStrategy, type TunnelTarget } from '../../core/tunnels/decisions.ts'
import { IN_USE_TWICE, type SharedCertificates } from '../../core/tunnels/shared-certificates.ts'
import { type PeerAddress, preferWorking, whichOf } from '../../core/values/address-list.ts'
import { type Prefix, subnetNameOf } from '../../core/values/prefix.ts'
import { inBackground } from '../../platform/background.ts'
import type { RoutingChange } from '../routing/router.ts'
import type { ClientEvent } from '../transport/transport.ts'
import type { TunnelComponents, TunnelEvent, TunnelLimits } from './components.ts'
import type { GracefulClosing } from './graceful-closing.ts'
import { InterfaceNames } from './interface-names.ts'
import { infoOf, type OwnTunnel } from './own-tunnel.ts'
import { TunnelFailures } from './tunnel-failures.ts'
import type { TunnelInfo } from './tunnel-info.ts'
import { nameOf, prefixOf } from './tunnel-target.ts'

interface ClientTunnelsInit
  extends Pick<
    TunnelComponents,
    'transport' | 'router' | 'nodes' | 'cache' | 'clock' | 'log' | 'onExternalAddress' | 'onTunnel'
  > {
  readonly isNeighbourThere: TunnelComponents['isNeighbourThere']
  readonly limits: Pick<TunnelLimits, 'own' | 'isRevoked'>
  readonly shared: SharedCertificates
  readonly strategy: Pick<TunnelStrategy, 'tunnelUp' | 'tunnelDown' | 'tunnelKept'>
  readonly closing: Pick<GracefulClosing, 'drain'>
  /** The strategy has been told something. */
  readonly onChange: () => void
  readonly signal: AbortSignal
}

/** Why a tunnel ends whose peer is gone, or cannot be reached from where we are now. */
const NO_ANSWER = 'the peer does not answer any more'

/** The tunnels that we have made to others. */
export class ClientTunnels {
  readonly #init: ClientTunnelsInit
  readonly #tunnels = new Map<TunnelTarget, OwnTunnel>()
  readonly #failures = new TunnelFailures()
  readonly #names: InterfaceNames

  constructor(init: ClientTunnelsInit) {
    this.#init = init
    this.#names = new InterfaceNames((name) => init.router.isNameFree(name))
    const watching = init.router.watch((change) => this.#heard(change))
    init.signal.addEventListener('abort', () => watching[Symbol.dispose](), { once: true })
  }

  /** Peers with a tunnel that is up. */
  peers(): Prefix[] {
    return [...this.#tunnels.values()].flatMap(({ state, peer }) =>
      state === 'up' && peer ? [peer.prefix] : [],
    )
  }

  /** Interface of the tunnel to a peer. */
  ifaceOf(target: TunnelTarget): string | undefined {
    return this.#tunnels.get(target)?.iface
  }

  /** All of them, and the last ones that failed, as the user sees them. */
  list(): TunnelInfo[] {
    return [...[...this.#tunnels.values()].map(infoOf), ...this.#failures.list()]
  }

  /** Begins to make a tunnel. @param remotes tried in this order */
  connect(target: TunnelTarget, remotes: readonly PeerAddress[]): void {
    const { transport, clock, log } = this.#init
    const iface = this.#names.take(target)
    // What failed before is shown until the next attempt to reach anyone.
    if (target === ANYONE) this.#failures.forget(target)
    log.debug({ peer: nameOf(target), iface }, 'connecting')
    const tunnel = transport.connect({
      iface,
      prefix: prefixOf(target),
      remotes,
      onEvent: (event) => this.#event(target, remotes, event),
    })
    this.#tunnels.set(target, {
      iface,
      target,
      tunnel,
      down: new AbortController(),
      state: 'connecting',
      end: undefined,
      ...{ check: 'none', lastNeighbour: undefined },
      sinceMs: clock.now(),
      peer: undefined,
      remote: undefined,
    })
  }

  /** Ends a tunnel. Routing leaves its interface first, so that our own packets take another way at once. */
  close(target: TunnelTarget, reason: string, { isFailure = false } = {}): void {
    const own = this.#tunnels.get(target)
    if (!own || own.end) return
    own.end = { reason, isFailure }
    this.#init.log.info({ peer: nameOf(target), iface: own.iface, reason }, 'closing tunnel')
    const left = own.state === 'up' ? this.#init.router.removeInterface(own.iface) : Promise.resolve()
    this.#background(
      left.catch(() => {}).then(() => own.tunnel.stop()),
      `closing ${own.iface}`,
    )
  }

  /** Ends a tunnel when nothing uses it any more. If something goes on using it, it stays. */
  closeGracefully(target: TunnelTarget, reason: string): void {
    this.#background(this.#drainAndClose(target, reason), `closing the tunnel to ${nameOf(target)}`)
  }

  /** Ends those that are not up yet. */
  closeConnecting(reason: string): void {
    for (const { target, state } of [...this.#tunnels.values()])
      if (state === 'connecting') this.close(target, reason)
  }

  /** Ends those over which routing has heard nobody yet: nobody could be asked whether they go on. */
  closeUnheard(reason: string): void {
    for (const own of [...this.#tunnels.values()])
      if (own.state === 'connecting' || this.#neighbourOn(own) === undefined) this.close(own.target, reason)
  }

  /** Ends those to peers whose certificates were revoked. */
  endRevoked(): void {
    for (const { target, peer } of this.#tunnels.values())
      if (peer && this.#init.limits.isRevoked(peer.serial)) this.close(target, 'the certificate was revoked')
  }

  /** The server of a tunnel tells us at which address it sees us now. */
  seenAt(prefix: Prefix, address: string): void {
    for (const { iface, state, peer } of this.#tunnels.values())
      if (state === 'up' && peer?.prefix === prefix) this.#init.onExternalAddress(iface, address)
  }

  /** Something happened that may have ended tunnels without a word. Those whose peers answer stay. */
  checkAll(): void {
    for (const own of this.#tunnels.values()) {
      if (own.check === 'asked') own.check = 'to be asked again'
      this.#background(this.#check(own), `asking the peer of ${own.iface}`)
    }
  }

  #heard(change: RoutingChange): void {
    if (change.kind !== 'neighbour' || change.change === 'flushed') return
    const { iface, address } = change.neighbour
    for (const own of this.#tunnels.values()) if (own.iface === iface) own.lastNeighbour = address
  }

  #event(target: TunnelTarget, remotes: readonly PeerAddress[], event: ClientEvent): void {
    const own = this.#tunnels.get(target)
    if (!own) return
    switch (event.kind) {
      case 'trying':
        return this.#init.log.trace(
          { peer: nameOf(target), iface: own.iface, underlay: event.remote.address },
          'trying',
        )
      case 'up':
        return this.#up(own, remotes, event)
      case 'silent':
        return this.#background(this.#check(own), `asking the peer of ${own.iface}`)
      case 'ending':
        return this.#leave(own)
      case 'down':
        return this.#down(own, event.reason)
    }
  }

  #up(own: OwnTunnel, remotes: readonly PeerAddress[], event: Extract<ClientEvent, { kind: 'up' }>): void {
    const { limits, strategy, clock, cache, log, router, nodes, onExternalAddress, onChange } = this.#init
    const { target, iface } = own
    const { peer, remote } = event
    const worked = whichOf(remotes, { ...remote, host: remote.address })
    if (limits.isRevoked(peer.serial)) {
      cache.forget(peer.prefix)
      // One that is of no use: of the user's remotes, the others come first then.
      if (target === ANYONE) strategy.tunnelUp(target, worked)
      return this.close(target, 'its certificate is revoked')
    }
    Object.assign(own, { state: 'up', sinceMs: clock.now(), peer, remote })
    log.info(
      { peer: subnetNameOf(peer.prefix), iface, protocol: remote.protocol, underlay: remote.address },
      'tunnel up',
    )
    this.#tell(own, 'tunnel-up', undefined)
    this.#failures.forget(target)
    strategy.tunnelUp(target, worked)
    // The remotes of anyone are not those of this peer.
    if (target !== ANYONE)
      cache.store(target, worked ? preferWorking(remotes, worked) : remotes, (other) =>
        this.#failures.has(other),
      )
    const expected = [nodes.subnetOf(peer.prefix)]
    this.#background(router.addInterface(iface, 'tunnel', expected), `adding ${iface} to routing`)
    onExternalAddress(iface, event.externalAddress)
    onChange()
  }

  /** Whatever else is to be done about a tunnel that ends: packets are lost until they take other ways. */
  #leave({ iface }: OwnTunnel): void {
    const { router } = this.#init
    for (const { iface: on, address } of router.neighbours)
      if (on === iface) router.neighbourGone(iface, address)
  }

  #down(own: OwnTunnel, reason: string): void {
    const { clock, nodes, router, log, strategy, onExternalAddress, onChange } = this.#init
    const { target, iface, end } = own
    const wasUp = own.state === 'up'
    this.#tunnels.delete(target)
    onExternalAddress(iface, undefined)
    own.down.abort(new Error('the tunnel is down'))
    log[wasUp ? 'info' : 'debug'](
      { peer: own.peer ? subnetNameOf(own.peer.prefix) : nameOf(target), iface, reason },
      wasUp ? 'tunnel down' : 'tunnel failed',
    )
    this.#tell(own, wasUp ? 'tunnel-down' : 'tunnel-failed', end?.reason ?? reason)
    if (!end && reason.includes(IN_USE_TWICE)) this.#ownIsShared(reason)
    // One that we ended ourselves has not failed, as a rule; the only one there is to be has, whatever happened.
    if (end ? end.isFailure : !wasUp || target === ANYONE)
      this.#failures.remember({ target, iface, reason: end?.reason ?? reason, atMs: clock.now() })
    const prefix = own.peer?.prefix ?? prefixOf(target)
    const isUnwanted = !end && isUnwantedByPeer(reason)
    strategy.tunnelDown(target, prefix !== undefined && nodes.isReachable(prefix), isUnwanted)
    const removed = wasUp ? router.removeInterface(iface) : Promise.resolve()
    this.#background(
      removed.finally(() => {
        this.#names.free(iface)
        onChange()
      }),
      `removing ${iface} from routing`,
    )
  }

  /** Ends a tunnel whose peer does not answer: long before OpenVPN would, or routing notices. */
  async #check(own: OwnTunnel): Promise<void> {
    const { isNeighbourThere } = this.#init
    const neighbour = this.#neighbourOn(own)
    if (own.state !== 'up' || own.check !== 'none' || own.end || neighbour === undefined) return
    let isThere = true
    try {
      do {
        own.check = 'asked'
        isThere = await isNeighbourThere(own.iface, neighbour)
      } while (isThere && this.#isToBeAskedAgain(own))
    } finally {
      own.check = 'none'
    }
    if (isThere || own.end || this.#tunnels.get(own.target) !== own) return
    this.close(own.target, NO_ANSWER)
    // What ended this one (our address at the gateway has changed, say) may have ended others.
    this.checkAll()
  }

  #neighbourOn({ iface, lastNeighbour }: OwnTunnel): string | undefined {
    return this.#init.router.neighbours.find((one) => one.iface === iface)?.address ?? lastNeighbour
  }

  #isToBeAskedAgain({ check, end }: OwnTunnel): boolean {
    return check === 'to be asked again' && !end
  }

  async #drainAndClose(target: TunnelTarget, reason: string): Promise<void> {
    const own = this.#tunnels.get(target)
    if (own?.state !== 'up' || !own.peer) return this.close(target, reason)
    const { log, closing, strategy, onChange } = this.#init
    const peer = subnetNameOf(own.peer.prefix)
    log.debug({ peer, iface: own.iface, reason }, 'draining tunnel')
    let outcome: 'drained' | 'kept' = 'kept'
    try {
      outcome = await closing.drain(own.peer.prefix, own.iface, own.down.signal)
    } finally {
      // Whatever happened: a tunnel that stays counts.
      if (this.#tunnels.get(target) === own && outcome === 'kept') {
        log.info({ peer, iface: own.iface }, 'the tunnel is still in use and stays')
        strategy.tunnelKept(target)
        onChange()
      }
    }
    if (this.#tunnels.get(target) === own && outcome === 'drained') this.close(target, reason)
  }

  #tell(
    { target, peer, iface, remote }: OwnTunnel,
    kind: TunnelEvent['kind'],
    reason: string | undefined,
  ): void {
    const prefix = peer?.prefix ?? prefixOf(target)
    this.#init.onTunnel({ kind, peer: prefix, iface, underlay: remote?.address, reason })
  }

  #ownIsShared(reason: string): void {
    const { shared, limits, clock, log } = this.#init
    if (shared.ownSeen(limits.own, undefined, clock.monotonicMs()) === 'news')
      log.warn({ reason }, 'another machine uses the certificate of this node')
  }

  #background(work: Promise<unknown>, what: string): void {
    inBackground(this.#init.log, what, work, this.#init.signal)
  }
}
