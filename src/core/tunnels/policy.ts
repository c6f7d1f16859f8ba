import type { Random } from '../random.ts'
import type { PeerAddress } from '../values/address-list.ts'
import type { Prefix } from '../values/prefix.ts'
import { Bootstrap, isConnected } from './bootstrap.ts'
import {
  ANYONE,
  type Circumstance,
  type CutOff,
  type NetworkView,
  type ProposedPeer,
  type TunnelDecision,
  type TunnelStrategy,
  type TunnelTarget,
} from './decisions.ts'
import { Usage } from './patience.ts'
import { PolicyState } from './policy-state.ts'
import type { TunnelSettings } from './settings.ts'
import { closeAcrossBorders, closeDuplicates, closeLeastUsed } from './tunnels-to-close.ts'
import { failUnused } from './unused-tunnels.ts'
import { isWaitingForCountry, usableAddresses } from './usable-addresses.ts'
import { whomToConnectTo } from './whom-to-connect-to.ts'

/*
 * Which tunnels a node makes. Everyone makes a few to others chosen at random: a random graph of constant degree is
 * connected with overwhelming probability, has a diameter of about log N, and survives the loss of a large part of its
 * nodes, while no node knows more than its routing table.
 */

/** How long a peer may take to say its addresses: a handshake, and an answer. */
const ADDRESS_TIMEOUT_MS = 10_000

/** Decides about the tunnels of a node that makes some to peers chosen at random. */
export class TunnelPolicy implements TunnelStrategy {
  readonly #state: PolicyState
  /** When one tunnel is replaced. */
  #refreshMs: number
  /** When peers that failed may be tried again. */
  #retryMs: number
  #hasNewTunnel = false
  readonly #bootstrap: Bootstrap
  /** As neighbours were when all tunnels were looked at, and in use; undefined: some are not, or there are new ones. */
  #inUseAt: number | undefined
  /** As neighbours were when nothing was left to do; undefined: something is, or happened since. */
  #settledAt: number | undefined

  constructor(own: Prefix, settings: TunnelSettings, random: Random, nowMs: number) {
    this.#state = new PolicyState(own, settings, random)
    this.#bootstrap = new Bootstrap(random)
    this.#refreshMs = this.#nextRefreshMs(nowMs)
    this.#retryMs = nowMs + settings.refreshMs
  }

  /** Other limits: nothing that runs is ended for them. */
  configure(settings: TunnelSettings): void {
    this.#settledAt = undefined
    this.#state.settings = settings
  }

  get cutOff(): CutOff | undefined {
    return this.#bootstrap.cutOff
  }

  circumstancesChanged(what: Circumstance): void {
    const { failed, refusals, early, tunnels, clients } = this.#state
    this.#settledAt = undefined
    failed.forgive()
    early.forgive()
    if (what !== 'routing-keys') refusals.forgive()
    for (const { usage } of [...tunnels.values(), ...clients.values()]) usage.forgive()
    if (what === 'network' || what === 'identity')
      for (const tunnel of tunnels.values()) tunnel.isOutdated = true
    this.#bootstrap.again()
  }

  tunnelUp(target: TunnelTarget): void {
    this.#settledAt = undefined
    if (target === ANYONE) return
    const { tunnels, failed, hasTunnels } = this.#state
    const tunnel = tunnels.get(target)
    // Nothing worked before, and now it does: it was not the peers that failed.
    if (!hasTunnels) failed.includeUnreached()
    if (tunnel?.state === 'connecting') tunnel.state = 'up'
    failed.include(target)
    this.#hasNewTunnel = true
    this.#inUseAt = undefined
  }

  tunnelDown(target: TunnelTarget, isReachable: boolean, isUnwanted = false): void {
    this.#settledAt = undefined
    const { tunnels, kept, refusals, failed, settings } = this.#state
    const tunnel = target === ANYONE ? undefined : tunnels.get(target)
    if (target === ANYONE || !tunnel) return
    tunnels.delete(target)
    kept.delete(target)
    if (tunnel.state === 'closing' || tunnel.isOutdated) return
    if (isUnwanted) refusals.happened(target, tunnel.begunMs)
    if (tunnel.state === 'up') {
      if (!tunnel.usage.wasUsed) this.#state.endedEarly(target, tunnel)
      return
    }
    // Old addresses may be wrong by now: ask before giving up, those that must be neighbours as soon as they are seen.
    if (tunnel.fromCache && (isReachable || settings.neighbours.has(target))) failed.addOutdated(target)
    else this.#state.setAside(target, tunnel)
  }

  tunnelKept(target: TunnelTarget): void {
    this.#settledAt = undefined
    const tunnel = target === ANYONE ? undefined : this.#state.tunnels.get(target)
    if (target === ANYONE || tunnel?.state !== 'closing') return
    tunnel.state = 'up'
    this.#state.kept.add(target)
    this.#inUseAt = undefined
  }

  clientUp(prefix: Prefix): void {
    this.#settledAt = undefined
    const { clients, failed, hasTunnels } = this.#state
    if (!hasTunnels) failed.includeUnreached()
    this.#state.wasReached = true
    this.#inUseAt = undefined
    const client = clients.get(prefix)
    if (client) client.count += 1
    // A new tunnel has its own time; of the old one, nothing is known any more.
    clients.set(prefix, { count: client?.count ?? 1, usage: new Usage() })
  }

  clientDown(prefix: Prefix): void {
    this.#settledAt = undefined
    const { clients } = this.#state
    const client = clients.get(prefix)
    if (client && client.count > 1) client.count -= 1
    else clients.delete(prefix)
  }

  addressesLearnt(prefix: Prefix, addresses: readonly PeerAddress[]): void {
    this.#settledAt = undefined
    if (!this.#state.asked.delete(prefix)) return
    this.#state.failed.include(prefix)
    this.#state.proposed.set(prefix, { addresses, isFromRegistry: false })
  }

  registryAnswered(peer: ProposedPeer | undefined, nowMs: number): void {
    this.#settledAt = undefined
    this.#bootstrap.answered(nowMs, peer?.prefix)
    const { own, failed, early, proposed } = this.#state
    // Without an answer, or with nobody to propose, nothing speaks for trying them sooner.
    if (peer !== undefined) early.forgive()
    const isNews = peer !== undefined && peer.prefix !== own && failed.uselessCount(peer.prefix) === 0
    // It has just answered the registry: also one that failed when our own connection was down.
    if (isNews) failed.include(peer.prefix)
    // Nobody else can help: what failed before may work now.
    else failed.includeAll()
    if (peer !== undefined && peer.prefix !== own)
      proposed.set(peer.prefix, { addresses: peer.addresses, isFromRegistry: true })
  }

  decide(view: NetworkView, nowMs: number): readonly TunnelDecision[] {
    if (this.#isSettled(view, nowMs)) return []
    const state = this.#state
    state.wakeMs = Math.min(state.refusals.look(nowMs), state.early.look(nowMs))
    const decisions = this.#closings(view, nowMs)
    if (this.#hasNewTunnel) this.#refreshMs = this.#nextRefreshMs(nowMs)
    this.#hasNewTunnel = false
    if (state.isDue(this.#retryMs, nowMs)) {
      this.#retryMs = nowMs + state.settings.refreshMs
      state.failed.refresh()
      state.wasReached = state.clients.size > 0
    }
    if (state.isDue(this.#refreshMs, nowMs)) {
      this.#refreshMs = this.#nextRefreshMs(nowMs)
      if (state.kept.size > 0) this.#inUseAt = undefined
      decisions.push(...closeLeastUsed(state, view))
    }
    this.#giveUpAsking(nowMs)
    decisions.push(...this.#connect(view, nowMs), ...this.#askRegistry(view, nowMs))
    this.#settledAt = decisions.length === 0 && this.#hasAll(view, nowMs) ? view.neighbourChanges : undefined
    return decisions
  }

  /** Tunnels that have failed, or must not be. While neighbours and tunnels are what they were, none of them has. */
  #closings(view: NetworkView, nowMs: number): TunnelDecision[] {
    const state = this.#state
    const { neighbourChanges, isRouting } = view
    if (this.#inUseAt === neighbourChanges) return [...closeAcrossBorders(state)]
    const decisions = [
      ...failUnused(state, view, nowMs),
      ...closeAcrossBorders(state),
      ...closeDuplicates(state, view),
    ]
    const areKnown = decisions.length === 0 && isRouting && state.areAllInUse
    this.#inUseAt = areKnown ? neighbourChanges : undefined
    return decisions
  }

  #giveUpAsking(nowMs: number): void {
    const { asked, failed, settings } = this.#state
    for (const [prefix, askedMs] of asked) {
      if (!this.#state.isDue(askedMs + ADDRESS_TIMEOUT_MS, nowMs)) continue
      asked.delete(prefix)
      // A question is lost easily where a route has just come: those that must be neighbours are asked again.
      if (!settings.neighbours.has(prefix)) failed.exclude(prefix)
    }
  }

  /** Whether nothing has changed but routes elsewhere: in a large network, some do all the time. */
  #isSettled(view: NetworkView, nowMs: number): boolean {
    return this.#settledAt === view.neighbourChanges && nowMs < this.nextWakeMs && this.#isConnected(view)
  }

  /** Whether there is nothing to do before something happens to us, our neighbours or our connection. */
  #hasAll(view: NetworkView, nowMs: number): boolean {
    const { settings, failed } = this.#state
    return (
      this.#state.missing(view, nowMs) <= 0 &&
      settings.neighbours.size === 0 &&
      settings.sameCountry.length === 0 &&
      !failed.hasOutdated &&
      this.#isConnected(view) &&
      this.#state.areAllInUse
    )
  }

  get nextWakeMs(): number {
    let nextMs = Math.min(this.#state.wakeMs, this.#retryMs, this.#refreshMs, this.#bootstrap.nextMs)
    for (const askedMs of this.#state.asked.values()) nextMs = Math.min(nextMs, askedMs + ADDRESS_TIMEOUT_MS)
    return nextMs
  }

  /** At a random time: nodes that start together do not replace tunnels together. */
  #nextRefreshMs(nowMs: number): number {
    return nowMs + this.#state.settings.refreshMs * (0.5 + this.#state.random.next() / 2)
  }

  *#connect(view: NetworkView, nowMs: number): Generator<TunnelDecision> {
    const state = this.#state
    let missing = state.missing(view, nowMs)
    for (const { prefix, mayExceed, isExtra = false } of whomToConnectTo(state, view, missing, nowMs)) {
      if (missing <= 0 && !mayExceed) return
      const proposed = state.proposed.get(prefix)?.addresses
      state.proposed.delete(prefix)
      const known = proposed ?? (state.failed.takeOutdated(prefix) ? [] : view.addressesOf(prefix))
      const addresses = usableAddresses(state.settings, known)
      // Whoever knows where it is has been asked; the peer itself could not say more.
      if (addresses.length === 0 && known.some((address) => isWaitingForCountry(state.settings, address)))
        continue
      if (addresses.length > 0) {
        state.tunnels.set(prefix, {
          state: 'connecting',
          begunMs: nowMs,
          usage: new Usage(),
          fromCache: proposed === undefined,
          isExtra,
          isOutdated: false,
          addresses,
        })
        state.asked.delete(prefix)
        yield { kind: 'connect', target: prefix, addresses }
        missing -= 1
      } else if (proposed !== undefined || !view.isReachable(prefix)) {
        state.failed.exclude(prefix)
      } else {
        state.ask(prefix, nowMs)
        yield { kind: 'ask-addresses', prefix }
        missing -= 1
      }
    }
  }

  *#askRegistry(view: NetworkView, nowMs: number): Generator<TunnelDecision> {
    if (this.#isConnected(view)) return this.#bootstrap.connected()
    if (this.#bootstrap.begin(!view.reachesAnybody, nowMs)) yield { kind: 'ask-registry', forPeer: true }
  }

  #isConnected(view: NetworkView): boolean {
    const { own, settings } = this.#state
    return isConnected(own, settings.registryPrefix, view)
  }
}
