import { type Random, shuffled } from '../random.ts'
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
import { FailedPeers } from './failed-peers.ts'
import { NO_NEIGHBOUR, patienceMs, Usage } from './patience.ts'
import { Refusals } from './refusals.ts'
import type { TunnelSettings } from './settings.ts'
import { crossesBorder, isWaitingForCountry, usableAddresses } from './usable-addresses.ts'

/*
 * Which tunnels a node makes. Everyone makes a few to others chosen at random: a random graph of constant degree is
 * connected with overwhelming probability, has a diameter of about log N, and survives the loss of a large part of its
 * nodes, while no node knows more than its routing table.
 */

/** A client tunnel that was begun. */
interface Tunnel {
  state: 'connecting' | 'up' | 'closing'
  readonly begunMs: number
  readonly usage: Usage
  /** Whether its addresses were old ones: then the peer is asked when they fail. */
  readonly fromCache: boolean
  /** One more than there should be, to somebody whom we do not see: until it is up, it takes nobody's place. */
  readonly isExtra: boolean
  /** Begun in other circumstances: that it fails says nothing of the peer. */
  isOutdated: boolean
  readonly addresses: readonly PeerAddress[]
}

/** A peer that has made tunnels to us. */
interface Client {
  count: number
  readonly usage: Usage
}

/** A peer that has just said its addresses, or that the registry proposes. */
interface Proposal {
  readonly addresses: readonly PeerAddress[]
  readonly isFromRegistry: boolean
}

/** How many client tunnels a node makes that serves nobody: it only takes from the network. */
const TAKER_CLIENT_COUNT = 2
/** How long a peer may take to say its addresses: a handshake, and an answer. */
const ADDRESS_TIMEOUT_MS = 10_000
/** How many nodes are drawn to find one that is not a neighbour: in a small network most are. */
const SAMPLES = 32
/** From the first packet to a tunnel that carries routes, if all is well: what it takes beside the peer's own hello. */
const HOPE_MS = 5_000

/** Decides about the tunnels of a node that makes some to peers chosen at random. */
export class TunnelPolicy implements TunnelStrategy {
  readonly #own: Prefix
  readonly #random: Random
  #settings: TunnelSettings
  readonly #tunnels = new Map<Prefix, Tunnel>()
  readonly #clients = new Map<Prefix, Client>()
  /** Whether anybody connected to us in this time between two tries of everything, or the one before. */
  #wasReached = false
  /** Peers that were asked for their addresses, and when. */
  readonly #asked = new Map<Prefix, number>()
  readonly #failed = new FailedPeers()
  readonly #refusals = new Refusals()
  /** Peers whose tunnels could not be closed: not again before the next refresh. */
  readonly #kept = new Set<Prefix>()
  readonly #proposed = new Map<Prefix, Proposal>()
  /** When one tunnel is replaced. */
  #refreshMs: number
  /** When peers that failed may be tried again. */
  #retryMs: number
  #hasNewTunnel = false
  /** When something is due that was not at the last decision. */
  #wakeMs = Number.POSITIVE_INFINITY
  readonly #bootstrap: Bootstrap
  /** As neighbours were when nothing was left to do; undefined: something is, or happened since. */
  #settledAt: number | undefined

  constructor(own: Prefix, settings: TunnelSettings, random: Random, nowMs: number) {
    this.#own = own
    this.#settings = settings
    this.#random = random
    this.#bootstrap = new Bootstrap(random)
    this.#refreshMs = this.#nextRefreshMs(nowMs)
    this.#retryMs = nowMs + settings.refreshMs
  }

  /** Other limits: nothing that runs is ended for them. */
  configure(settings: TunnelSettings): void {
    this.#settledAt = undefined
    this.#settings = settings
  }

  get cutOff(): CutOff | undefined {
    return this.#bootstrap.cutOff
  }

  circumstancesChanged(what: Circumstance): void {
    this.#settledAt = undefined
    this.#failed.forgive()
    if (what !== 'routing-keys') this.#refusals.forgive()
    for (const { usage } of [...this.#tunnels.values(), ...this.#clients.values()]) usage.forgive()
    if (what === 'network' || what === 'identity')
      for (const tunnel of this.#tunnels.values()) tunnel.isOutdated = true
    this.#bootstrap.again()
  }

  tunnelUp(target: TunnelTarget): void {
    this.#settledAt = undefined
    if (target === ANYONE) return
    const tunnel = this.#tunnels.get(target)
    // Nothing worked before, and now it does: it was not the peers that failed.
    if (!this.#hasTunnels) this.#failed.includeUnreached()
    if (tunnel?.state === 'connecting') tunnel.state = 'up'
    this.#failed.include(target)
    this.#hasNewTunnel = true
  }

  tunnelDown(target: TunnelTarget, isReachable: boolean, isUnwanted = false): void {
    this.#settledAt = undefined
    const tunnel = target === ANYONE ? undefined : this.#tunnels.get(target)
    if (target === ANYONE || !tunnel) return
    this.#tunnels.delete(target)
    this.#kept.delete(target)
    if (tunnel.state === 'closing' || tunnel.isOutdated) return
    if (isUnwanted) this.#refusals.happened(target, tunnel.begunMs)
    if (tunnel.state === 'up') {
      // A server that lets us in and hangs up at once, say: it would do so again.
      if (!tunnel.usage.wasUsed) this.#wasUseless(target, tunnel)
      return
    }
    // Old addresses may be wrong by now: ask before giving up, those that must be neighbours as soon as they are seen.
    if (tunnel.fromCache && (isReachable || this.#settings.neighbours.has(target)))
      this.#failed.addOutdated(target)
    else this.#setAside(target, tunnel)
  }

  #wasUseless(prefix: Prefix, tunnel: Tunnel): void {
    this.#failed.wasUseless(prefix)
    this.#setAside(prefix, tunnel)
  }

  /** Not again before the next refresh; one that must be a neighbour, whom nobody can replace, after a while. */
  #setAside(prefix: Prefix, { begunMs }: Tunnel): void {
    if (!this.#settings.neighbours.has(prefix)) return this.#failed.exclude(prefix)
    this.#failed.include(prefix)
    if (!this.#refusals.isNews(prefix)) this.#refusals.happened(prefix, begunMs)
  }

  tunnelKept(target: TunnelTarget): void {
    this.#settledAt = undefined
    const tunnel = target === ANYONE ? undefined : this.#tunnels.get(target)
    if (target === ANYONE || tunnel?.state !== 'closing') return
    tunnel.state = 'up'
    this.#kept.add(target)
  }

  clientUp(prefix: Prefix): void {
    this.#settledAt = undefined
    if (!this.#hasTunnels) this.#failed.includeUnreached()
    this.#wasReached = true
    const client = this.#clients.get(prefix)
    if (client) client.count += 1
    // A new tunnel has its own time; of the old one, nothing is known any more.
    this.#clients.set(prefix, { count: client?.count ?? 1, usage: new Usage() })
  }

  clientDown(prefix: Prefix): void {
    this.#settledAt = undefined
    const client = this.#clients.get(prefix)
    if (client && client.count > 1) client.count -= 1
    else this.#clients.delete(prefix)
  }

  addressesLearnt(prefix: Prefix, addresses: readonly PeerAddress[]): void {
    this.#settledAt = undefined
    if (!this.#asked.delete(prefix)) return
    this.#failed.include(prefix)
    this.#proposed.set(prefix, { addresses, isFromRegistry: false })
  }

  registryAnswered(peer: ProposedPeer | undefined, nowMs: number): void {
    this.#settledAt = undefined
    this.#bootstrap.answered(nowMs)
    const isNews =
      peer !== undefined && peer.prefix !== this.#own && this.#failed.uselessCount(peer.prefix) === 0
    // It has just answered the registry: also one that failed when our own connection was down.
    if (isNews) this.#failed.include(peer.prefix)
    // Nobody else can help: what failed before may work now.
    else this.#failed.includeAll()
    if (peer !== undefined && peer.prefix !== this.#own)
      this.#proposed.set(peer.prefix, { addresses: peer.addresses, isFromRegistry: true })
  }

  decide(view: NetworkView, nowMs: number): readonly TunnelDecision[] {
    if (this.#isSettled(view, nowMs)) return []
    this.#wakeMs = this.#refusals.look(nowMs)
    const decisions = [
      ...this.#failUnused(view, nowMs),
      ...this.#closeAcrossBorders(),
      ...this.#closeDuplicates(view),
    ]
    if (this.#hasNewTunnel) this.#refreshMs = this.#nextRefreshMs(nowMs)
    this.#hasNewTunnel = false
    if (this.#isDue(this.#retryMs, nowMs)) {
      this.#retryMs = nowMs + this.#settings.refreshMs
      this.#failed.refresh()
      this.#wasReached = this.#clients.size > 0
    }
    if (this.#isDue(this.#refreshMs, nowMs)) decisions.push(...this.#refresh(view, nowMs))
    for (const [prefix, askedMs] of this.#asked) {
      if (!this.#isDue(askedMs + ADDRESS_TIMEOUT_MS, nowMs)) continue
      this.#asked.delete(prefix)
      // A question is lost easily where a route has just come: those that must be neighbours are asked again.
      if (!this.#settings.neighbours.has(prefix)) this.#failed.exclude(prefix)
    }
    decisions.push(...this.#connect(view, nowMs), ...this.#askRegistry(view, nowMs))
    this.#settledAt = decisions.length === 0 && this.#hasAll(view) ? view.neighbourChanges : undefined
    return decisions
  }

  /** Whether nothing has changed but routes elsewhere: in a large network, some do all the time. */
  #isSettled(view: NetworkView, nowMs: number): boolean {
    return this.#settledAt === view.neighbourChanges && nowMs < this.nextWakeMs && this.#isConnected(view)
  }

  /** Whether there is nothing to do before something happens to us, our neighbours or our connection. */
  #hasAll(view: NetworkView): boolean {
    const { neighbours, sameCountry } = this.#settings
    return (
      this.#missing() <= 0 &&
      neighbours.size === 0 &&
      sameCountry.length === 0 &&
      !this.#failed.hasOutdated &&
      this.#isConnected(view) &&
      [this.#tunnels, this.#clients].every((them) => areInUse(them.values()))
    )
  }

  get nextWakeMs(): number {
    let nextMs = Math.min(this.#wakeMs, this.#retryMs, this.#refreshMs, this.#bootstrap.nextMs)
    for (const askedMs of this.#asked.values()) nextMs = Math.min(nextMs, askedMs + ADDRESS_TIMEOUT_MS)
    return nextMs
  }

  /** At a random time: nodes that start together do not replace tunnels together. */
  #nextRefreshMs(nowMs: number): number {
    return nowMs + this.#settings.refreshMs * (0.5 + this.#random.next() / 2)
  }

  /** Whether the time has come; if not, it is remembered as one at which to decide. */
  #isDue(atMs: number, nowMs: number): boolean {
    if (nowMs < atMs) this.#wakeMs = Math.min(this.#wakeMs, atMs)
    return nowMs >= atMs
  }

  /** A tunnel counts while routing has a usable neighbour behind it. */
  *#failUnused(view: NetworkView, nowMs: number): Generator<TunnelDecision> {
    const { helloIntervalMs } = this.#settings
    for (const [prefix, tunnel] of this.#tunnels) {
      if (tunnel.state !== 'up') continue
      const { wasUsed } = tunnel.usage
      tunnel.usage.look(view.isTunnelUsable(prefix), nowMs)
      if (!wasUsed && tunnel.usage.wasUsed) this.#failed.isUseful(prefix)
      if (tunnel.usage.unusedSinceMs === undefined) continue
      const patience = patienceMs(helloIntervalMs, this.#failed.uselessCount(prefix))
      if (!this.#hasFailed(tunnel.usage, patience, view, nowMs)) continue
      tunnel.state = 'closing'
      this.#wasUseless(prefix, tunnel)
      yield { kind: 'give-up', target: prefix, reason: NO_NEIGHBOUR }
    }
    for (const [prefix, { usage }] of this.#clients) {
      usage.look(view.isClientUsable(prefix), nowMs)
      if (usage.unusedSinceMs === undefined) continue
      // Whoever made the tunnel finds out for itself first, if it looks.
      const patience = patienceMs(helloIntervalMs) + helloIntervalMs
      if (!this.#hasFailed(usage, patience, view, nowMs)) continue
      usage.forgive()
      yield { kind: 'drop-client', prefix, reason: NO_NEIGHBOUR }
    }
  }

  /** Whether a tunnel without a usable neighbour has been so for too long. */
  #hasFailed(usage: Usage, patience: number, view: NetworkView, nowMs: number): boolean {
    if (!view.isRouting) usage.forgive()
    const { unusedSinceMs } = usage
    return unusedSinceMs !== undefined && this.#isDue(unusedSinceMs + patience, nowMs)
  }

  /** Never two tunnels with one peer: of two that connected to each other, the smaller prefix gives up its own. */
  *#closeDuplicates(view: NetworkView): Generator<TunnelDecision> {
    for (const [prefix, tunnel] of this.#tunnels) {
      if (tunnel.state === 'closing' || !this.#clients.has(prefix) || this.#own > prefix) continue
      if (this.#kept.has(prefix) || !view.isClientUsable(prefix)) continue
      tunnel.state = 'closing'
      yield { kind: 'close', target: prefix, reason: 'the peer has a tunnel to us' }
    }
  }

  /** Tunnels that were made before it was known where we are, or before the network had borders. */
  *#closeAcrossBorders(): Generator<TunnelDecision> {
    if (this.#settings.sameCountry.length === 0) return
    for (const [prefix, tunnel] of this.#tunnels) {
      if (tunnel.state !== 'up') continue
      if (!tunnel.addresses.every((address) => crossesBorder(this.#settings, address))) continue
      tunnel.state = 'closing'
      yield { kind: 'close-now', target: prefix, reason: 'the peer is in another country' }
    }
  }

  /** Replaces the tunnel over which the fewest nodes are routed, if there is somebody else to connect to. */
  *#refresh(view: NetworkView, nowMs: number): Generator<TunnelDecision> {
    this.#refreshMs = this.#nextRefreshMs(nowMs)
    this.#kept.clear()
    const up = [...this.#tunnels].filter(([, { state }]) => state === 'up').map(([prefix]) => prefix)
    if (up.length < this.#clientCount() || this.#distant(view) === undefined) return
    // Never one to a peer that must be a neighbour: it would be made again at once.
    const candidates = up.filter((prefix) => !this.#settings.neighbours.has(prefix))
    const [least] = shuffled(this.#random, candidates).sort(
      (one, other) => view.nodesOver(one) - view.nodesOver(other),
    )
    const tunnel = least === undefined ? undefined : this.#tunnels.get(least)
    if (least === undefined || !tunnel) return
    tunnel.state = 'closing'
    yield { kind: 'close', target: least, reason: 'replaced: the fewest nodes are routed over it' }
  }

  *#connect(view: NetworkView, nowMs: number): Generator<TunnelDecision> {
    let missing = this.#missing()
    for (const { prefix, mayExceed, isExtra = false } of this.#candidates(view, missing, nowMs)) {
      if (missing <= 0 && !mayExceed) return
      const proposed = this.#proposed.get(prefix)?.addresses
      this.#proposed.delete(prefix)
      const known = proposed ?? (this.#failed.takeOutdated(prefix) ? [] : view.addressesOf(prefix))
      const addresses = usableAddresses(this.#settings, known)
      // Whoever knows where it is has been asked; the peer itself could not say more.
      const isWaiting = (address: PeerAddress) => isWaitingForCountry(this.#settings, address)
      if (addresses.length === 0 && known.some(isWaiting)) continue
      if (addresses.length > 0) {
        this.#tunnels.set(prefix, {
          state: 'connecting',
          begunMs: nowMs,
          usage: new Usage(),
          fromCache: proposed === undefined,
          isExtra,
          isOutdated: false,
          addresses,
        })
        this.#asked.delete(prefix)
        yield { kind: 'connect', target: prefix, addresses }
        missing -= 1
      } else if (proposed !== undefined || !view.isReachable(prefix)) {
        this.#failed.exclude(prefix)
      } else {
        this.#asked.set(prefix, nowMs)
        yield { kind: 'ask-addresses', prefix }
        // As good as a tunnel: there is no need to ask more than are missing.
        missing -= 1
      }
    }
  }

  /** How many tunnels there should be more. */
  #missing(): number {
    let missing = this.#clientCount()
    for (const { state, isExtra } of this.#tunnels.values())
      if (state === 'up' || (state === 'connecting' && !isExtra)) missing -= 1
    return missing
  }

  /** Whom to connect to, the first ones first; some even if there are enough tunnels. */
  *#candidates(
    view: NetworkView,
    missing: number,
    nowMs: number,
  ): Generator<{ readonly prefix: Prefix; readonly mayExceed: boolean; readonly isExtra?: boolean }> {
    const { neighbours } = this.#settings
    for (const prefix of neighbours) {
      const isKnown = !this.#failed.isOutdated(prefix) && view.addressesOf(prefix).length > 0
      const canBeTried = isKnown || this.#proposed.has(prefix) || view.isReachable(prefix)
      if (canBeTried && this.#isFree(prefix, view)) yield { prefix, mayExceed: true }
    }
    const isCutOff = !this.#isConnected(view)
    const rest: Prefix[] = []
    for (const [prefix, { isFromRegistry }] of [...this.#proposed]) {
      // What the registry proposes helps only if it is no neighbour; who answered was asked because it is wanted.
      if (!this.#isFree(prefix, view) || (isFromRegistry && !isCutOff && missing <= 0))
        this.#proposed.delete(prefix)
      else if (this.#failed.uselessCount(prefix) > 0) rest.push(prefix)
      else if (missing > 0 || (isFromRegistry && this.#mayExceed(nowMs)))
        yield { prefix, mayExceed: isFromRegistry }
    }
    for (const prefix of this.#failed.outdated) {
      if (neighbours.has(prefix)) continue
      if (this.#isFree(prefix, view) && view.isReachable(prefix)) yield { prefix, mayExceed: false }
      else this.#failed.takeOutdated(prefix)
    }
    // Where we reach nobody, or the network is in parts: whom we knew, and do not see.
    const unseen = isCutOff
      ? this.#failed.inOrder([...shuffled(this.#random, view.cachedPeers()), ...rest])
      : []
    for (let count = 0; count < missing; count++) {
      const prefix = this.#distant(view)
      if (prefix === undefined) break
      yield { prefix, mayExceed: false }
    }
    // Whom we see is there: others are tried beside those, one at a time, since the registry's node may be gone for good.
    let mayExceed =
      view.reachesAnybody &&
      this.#tunnels.size <= this.#clientCount() &&
      ![...this.#tunnels.values()].some(({ state, isExtra }) => isExtra && state === 'connecting')
    for (const prefix of unseen) {
      if (!this.#isFree(prefix, view) || view.isReachable(prefix)) continue
      yield { prefix, mayExceed, isExtra: mayExceed }
      mayExceed = false
    }
  }

  /**
   * Whether we who are cut off make a tunnel more than we should, since those that there are do not help: none of them
   * is so young that it will soon, and there are not twice as many as there should be.
   */
  #mayExceed(nowMs: number): boolean {
    const { helloIntervalMs } = this.#settings
    const tunnels = [...this.#tunnels.values()]
    const hopes = tunnels.flatMap(({ state, begunMs, usage }) => {
      if (state === 'connecting') return [begunMs + HOPE_MS]
      const since = state === 'up' && !usage.wasUsed ? usage.unusedSinceMs : undefined
      return since === undefined ? [] : [since + helloIntervalMs + HOPE_MS]
    })
    return tunnels.length < 2 * this.#clientCount() && hopes.every((untilMs) => this.#isDue(untilMs, nowMs))
  }

  /** A node that is not a neighbour, at random; if it can be, one whose tunnels were of use. */
  #distant(view: NetworkView): Prefix | undefined {
    const free: Prefix[] = []
    for (let sample = 0; sample < SAMPLES; sample++) {
      const prefix = view.sampleReachable(this.#random)
      if (prefix === undefined || !this.#isFree(prefix, view)) continue
      if (this.#failed.uselessCount(prefix) === 0) return prefix
      free.push(prefix)
    }
    return this.#failed.inOrder(free)[0]
  }

  #isFree(prefix: Prefix, view: NetworkView): boolean {
    return (
      prefix !== this.#own &&
      !this.#tunnels.has(prefix) &&
      !this.#clients.has(prefix) &&
      !this.#asked.has(prefix) &&
      !this.#failed.isExcluded(prefix) &&
      !this.#refusals.isWaiting(prefix) &&
      !view.isNeighbour(prefix)
    )
  }

  *#askRegistry(view: NetworkView, nowMs: number): Generator<TunnelDecision> {
    if (this.#isConnected(view)) return this.#bootstrap.connected()
    if (this.#bootstrap.begin(!view.reachesAnybody, nowMs)) yield { kind: 'ask-registry', forPeer: true }
  }

  #isConnected(view: NetworkView): boolean {
    return isConnected(this.#own, this.#settings.registryPrefix, view)
  }

  /** Whether any tunnel is up, in either direction. */
  get #hasTunnels(): boolean {
    return this.#clients.size > 0 || [...this.#tunnels.values()].some(({ state }) => state === 'up')
  }

  #clientCount(): number {
    const { clientCount, neighbours } = this.#settings
    // Not whoever has just lost its clients: they were lost with its connection, and come back.
    const servesNobody = this.#clients.size === 0 && !this.#wasReached
    return Math.max(neighbours.size, servesNobody ? Math.min(clientCount, TAKER_CLIENT_COUNT) : clientCount)
  }
}

/** Whether none waits for a usable neighbour. */
function areInUse(tunnels: Iterable<{ readonly usage: Usage }>): boolean {
  for (const { usage } of tunnels) if (usage.unusedSinceMs !== undefined) return false
  return true
}
