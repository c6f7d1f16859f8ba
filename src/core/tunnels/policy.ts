import { type Random, shuffled } from '../random.ts'
import type { PeerAddress } from '../values/address-list.ts'
import type { Prefix } from '../values/prefix.ts'
import { Bootstrap } from './bootstrap.ts'
import type { TunnelSettings } from './settings.ts'
import { crossesBorder, isWaitingForCountry, usableAddresses } from './usable-addresses.ts'

/*
 * Which tunnels a node makes. Everyone makes a few to others chosen at random: a random graph of constant degree is
 * connected with overwhelming probability, has a diameter of about log N, and survives the loss of a large part of its
 * nodes, while no node knows more than its routing table.
 *
 * This decides and does nothing: it is told what happened, and asked what to do. Decisions that are taken are
 * remembered as begun; their outcome must be told.
 */

/** What is seen of the network. */
export interface NetworkView {
  /** Whether there is a route to the node. */
  isReachable(prefix: Prefix): boolean
  /** Whether it is one hop away: over a tunnel in either direction, or a LAN. */
  isNeighbour(prefix: Prefix): boolean
  /** A node to which there is a route, at random. */
  sampleReachable(random: Random): Prefix | undefined
  /** How many nodes are routed over the client tunnel to this peer. */
  nodesOver(prefix: Prefix): number
  /** Known addresses of a node, in the order in which to try them. */
  addressesOf(prefix: Prefix): readonly PeerAddress[]
  /** Nodes with known addresses. */
  cachedPeers(): readonly Prefix[]
}

/** What to do. */
export type TunnelDecision =
  /** Make a client tunnel. Its outcome: `tunnelUp`, or `tunnelDown`. */
  | { readonly kind: 'connect'; readonly prefix: Prefix; readonly addresses: readonly PeerAddress[] }
  /** End a client tunnel when nothing uses it any more. Its outcome: `tunnelDown`, or `tunnelKept`. */
  | { readonly kind: 'close'; readonly prefix: Prefix; readonly reason: string }
  /** End a client tunnel that must not be, whoever uses it. Its outcome: `tunnelDown`. */
  | { readonly kind: 'close-now'; readonly prefix: Prefix; readonly reason: string }
  /** Ask a peer for its addresses. Its outcome, if any: `addressesLearnt`. */
  | { readonly kind: 'ask-addresses'; readonly prefix: Prefix }
  /** Ask the registry for a peer. Its outcome: `bootstrapAnswered`. */
  | { readonly kind: 'ask-registry' }

/** A client tunnel that was begun. */
interface Tunnel {
  state: 'connecting' | 'up' | 'closing'
  /** Whether its addresses were old ones: then the peer is asked when they fail. */
  readonly fromCache: boolean
  /** Begun with a certificate that we have no more: that it fails says nothing of the peer. */
  isOutdated: boolean
  readonly addresses: readonly PeerAddress[]
}

/** How many client tunnels a node makes to which nobody connects: it only takes from the network. */
const UNREACHABLE_CLIENT_COUNT = 2
/** How long a peer may take to say its addresses: a handshake, and an answer. */
const ADDRESS_TIMEOUT_MS = 10_000
/** How many nodes are drawn to find one that is not a neighbour: in a small network most are. */
const SAMPLES = 32

/** Decides about the client tunnels of one node. */
export class TunnelPolicy {
  readonly #own: Prefix
  readonly #random: Random
  #settings: TunnelSettings
  readonly #tunnels = new Map<Prefix, Tunnel>()
  readonly #clients = new Map<Prefix, number>()
  /** Whether anybody connected to us since the refresh before the last. */
  #wasReached = false
  /** Peers that were asked for their addresses, and until when the answer counts. */
  readonly #asked = new Map<Prefix, number>()
  /** Peers whose addresses all failed: not again before the next refresh. */
  readonly #failed = new Set<Prefix>()
  /** Peers whose cached addresses failed: to be asked for new ones. */
  readonly #outdated = new Set<Prefix>()
  /** Peers whose tunnels could not be closed: not again before the next refresh. */
  readonly #kept = new Set<Prefix>()
  /** Peers that have just said their addresses, or that the registry proposed. */
  readonly #proposed = new Map<Prefix, readonly PeerAddress[]>()
  #refreshMs: number
  readonly #bootstrap: Bootstrap

  constructor(own: Prefix, settings: TunnelSettings, random: Random, nowMs: number) {
    this.#own = own
    this.#settings = settings
    this.#random = random
    this.#bootstrap = new Bootstrap(random)
    // The first refresh at a random time: nodes that start together do not replace tunnels together.
    this.#refreshMs = nowMs + settings.refreshMs * (0.5 + random.next() / 2)
  }

  /** Other limits: nothing that runs is ended for them. */
  configure(settings: TunnelSettings): void {
    this.#settings = settings
  }

  /** We have another certificate: who refused the one before may take this one. */
  identityRenewed(): void {
    this.#failed.clear()
    for (const tunnel of this.#tunnels.values()) tunnel.isOutdated = true
  }

  /** Our clock was set: certificates that were not valid may be now. */
  clockSet(): void {
    this.#failed.clear()
  }

  /**
   * This machine's own network has changed (an address, the default route, a link, the return from suspend): whoever
   * failed before is tried anew, the registry is asked at once. What is being made from the old place says nothing.
   */
  networkChanged(): void {
    this.#failed.clear()
    for (const tunnel of this.#tunnels.values()) tunnel.isOutdated = true
    this.#bootstrap.again()
  }

  tunnelUp(prefix: Prefix): void {
    const tunnel = this.#tunnels.get(prefix)
    // Nothing worked before, and now it does: it was not the peers that failed.
    if (this.#isAlone) this.#failed.clear()
    if (tunnel?.state === 'connecting') tunnel.state = 'up'
    this.#failed.delete(prefix)
  }

  /** A client tunnel ended, or could not be made. */
  tunnelDown(prefix: Prefix, isReachable: boolean): void {
    const tunnel = this.#tunnels.get(prefix)
    if (!tunnel) return
    this.#tunnels.delete(prefix)
    this.#kept.delete(prefix)
    if (tunnel.state !== 'connecting' || tunnel.isOutdated) return
    // Old addresses may be wrong by now: ask before giving up, those that must be neighbours as soon as they are seen.
    if (tunnel.fromCache && (isReachable || this.#settings.neighbours.has(prefix))) this.#outdated.add(prefix)
    else this.#failed.add(prefix)
  }

  /** A client tunnel that was to be closed is still in use: it stays, at least until the next refresh. */
  tunnelKept(prefix: Prefix): void {
    const tunnel = this.#tunnels.get(prefix)
    if (tunnel?.state !== 'closing') return
    tunnel.state = 'up'
    this.#kept.add(prefix)
  }

  /** A peer made a tunnel to one of our servers. */
  clientUp(prefix: Prefix): void {
    if (this.#isAlone) this.#failed.clear()
    this.#wasReached = true
    this.#clients.set(prefix, (this.#clients.get(prefix) ?? 0) + 1)
  }

  clientDown(prefix: Prefix): void {
    const count = (this.#clients.get(prefix) ?? 0) - 1
    if (count > 0) this.#clients.set(prefix, count)
    else this.#clients.delete(prefix)
  }

  /** A peer said its addresses. */
  addressesLearnt(prefix: Prefix, addresses: readonly PeerAddress[]): void {
    if (!this.#asked.delete(prefix)) return
    this.#failed.delete(prefix)
    this.#proposed.set(prefix, addresses)
  }

  /** The registry proposed a peer, or could not be asked, or knew none. */
  bootstrapAnswered(
    peer: { readonly prefix: Prefix; readonly addresses: readonly PeerAddress[] } | undefined,
    nowMs: number,
  ): void {
    this.#bootstrap.answered(nowMs)
    // Nobody else can help: what failed before may work now.
    if (peer === undefined) return this.#failed.clear()
    if (peer.prefix === this.#own) return
    // It has just answered the registry: also one that failed when our own connection was down.
    this.#failed.delete(peer.prefix)
    this.#proposed.set(peer.prefix, peer.addresses)
  }

  /** What to do now. Call it whenever something has happened, and at `nextWakeMs`. */
  decide(view: NetworkView, nowMs: number): TunnelDecision[] {
    const decisions = [...this.#closeAcrossBorders(), ...this.#closeDuplicates()]
    if (nowMs >= this.#refreshMs) decisions.push(...this.#refresh(view, nowMs))
    for (const [prefix, untilMs] of this.#asked)
      if (nowMs >= untilMs + ADDRESS_TIMEOUT_MS) {
        this.#asked.delete(prefix)
        // A question is lost easily where a route has just come: those that must be neighbours are asked again.
        if (!this.#settings.neighbours.has(prefix)) this.#failed.add(prefix)
      }
    decisions.push(...this.#connect(view, nowMs), ...this.#askRegistry(view, nowMs))
    return decisions
  }

  /** When `decide` should be called at the latest, if nothing happens before. */
  get nextWakeMs(): number {
    const asked = [...this.#asked.values()].map((untilMs) => untilMs + ADDRESS_TIMEOUT_MS)
    return Math.min(this.#refreshMs, ...asked, this.#bootstrap.nextMs)
  }

  /** Never two tunnels with one peer: of two that connected to each other, the smaller prefix gives up its own. */
  *#closeDuplicates(): Generator<TunnelDecision> {
    for (const [prefix, tunnel] of this.#tunnels) {
      if (tunnel.state === 'closing' || !this.#clients.has(prefix) || this.#own > prefix) continue
      if (this.#kept.has(prefix)) continue
      tunnel.state = 'closing'
      yield { kind: 'close', prefix, reason: 'the peer has a tunnel to us' }
    }
  }

  /** Tunnels that were made before it was known where we are, or before the network had borders. */
  *#closeAcrossBorders(): Generator<TunnelDecision> {
    if (this.#settings.sameCountry.length === 0) return
    for (const [prefix, tunnel] of this.#tunnels) {
      if (tunnel.state !== 'up') continue
      if (!tunnel.addresses.every((address) => crossesBorder(this.#settings, address))) continue
      tunnel.state = 'closing'
      yield { kind: 'close-now', prefix, reason: 'the peer is in another country' }
    }
  }

  /** Replaces the tunnel over which the fewest nodes are routed, if there is somebody else to connect to. */
  *#refresh(view: NetworkView, nowMs: number): Generator<TunnelDecision> {
    this.#refreshMs = nowMs + this.#settings.refreshMs
    this.#wasReached = this.#clients.size > 0
    this.#failed.clear()
    this.#outdated.clear()
    this.#kept.clear()
    const up = [...this.#tunnels].filter(([, { state }]) => state === 'up').map(([prefix]) => prefix)
    if (up.length < this.#clientCount() || this.#distant(view) === undefined) return
    const wanted = up.filter((prefix) => !this.#settings.neighbours.has(prefix))
    const candidates = wanted.length > 0 ? wanted : up
    const [least] = shuffled(this.#random, candidates).sort(
      (one, other) => view.nodesOver(one) - view.nodesOver(other),
    )
    const tunnel = least === undefined ? undefined : this.#tunnels.get(least)
    if (least === undefined || !tunnel) return
    tunnel.state = 'closing'
    yield { kind: 'close', prefix: least, reason: 'replaced: the fewest nodes are routed over it' }
  }

  *#connect(view: NetworkView, nowMs: number): Generator<TunnelDecision> {
    let missing =
      this.#clientCount() - [...this.#tunnels.values()].filter(({ state }) => state !== 'closing').length
    for (const prefix of this.#candidates(view, missing)) {
      // Those that must be neighbours have their tunnel even if it is one too many.
      if (missing <= 0 && !this.#settings.neighbours.has(prefix)) return
      const proposed = this.#proposed.get(prefix)
      this.#proposed.delete(prefix)
      const known = proposed ?? (this.#outdated.delete(prefix) ? [] : view.addressesOf(prefix))
      const addresses = usableAddresses(this.#settings, known)
      // Whoever knows where it is has been asked; the peer itself could not say more.
      const isWaiting = (address: PeerAddress) => isWaitingForCountry(this.#settings, address)
      if (addresses.length === 0 && known.some(isWaiting)) continue
      if (addresses.length > 0) {
        this.#tunnels.set(prefix, {
          state: 'connecting',
          fromCache: proposed === undefined,
          isOutdated: false,
          addresses,
        })
        this.#asked.delete(prefix)
        yield { kind: 'connect', prefix, addresses }
        missing -= 1
      } else if (proposed !== undefined || !view.isReachable(prefix)) {
        this.#failed.add(prefix)
      } else {
        this.#asked.set(prefix, nowMs)
        yield { kind: 'ask-addresses', prefix }
        // As good as a tunnel: there is no need to ask more than are missing.
        missing -= 1
      }
    }
  }

  /** Whom to connect to, the first ones first. */
  *#candidates(view: NetworkView, missing: number): Generator<Prefix> {
    const { neighbours } = this.#settings
    for (const prefix of neighbours) {
      const isKnown = !this.#outdated.has(prefix) && view.addressesOf(prefix).length > 0
      const canBeTried = isKnown || this.#proposed.has(prefix) || view.isReachable(prefix)
      if (canBeTried && this.#isFree(prefix, view)) yield prefix
    }
    for (const prefix of [...this.#proposed.keys()]) {
      // What the registry proposes helps only if we do not see it; who answered was asked because it is wanted.
      if (this.#isFree(prefix, view)) yield prefix
      else this.#proposed.delete(prefix)
    }
    for (const prefix of [...this.#outdated]) {
      if (neighbours.has(prefix)) continue
      if (this.#isFree(prefix, view) && view.isReachable(prefix)) yield prefix
      else this.#outdated.delete(prefix)
    }
    if (!this.#isConnected(view)) {
      // Cut off, or at the start: whom we knew, and do not see.
      for (const prefix of shuffled(this.#random, view.cachedPeers()))
        if (this.#isFree(prefix, view) && !view.isReachable(prefix)) yield prefix
    }
    for (let count = 0; count < missing; count++) {
      const prefix = this.#distant(view)
      if (prefix === undefined) return
      yield prefix
    }
  }

  /** A node that is not a neighbour, at random. */
  #distant(view: NetworkView): Prefix | undefined {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const prefix = view.sampleReachable(this.#random)
      if (prefix !== undefined && this.#isFree(prefix, view)) return prefix
    }
    return undefined
  }

  #isFree(prefix: Prefix, view: NetworkView): boolean {
    return (
      prefix !== this.#own &&
      !this.#tunnels.has(prefix) &&
      !this.#clients.has(prefix) &&
      !this.#asked.has(prefix) &&
      !this.#failed.has(prefix) &&
      !view.isNeighbour(prefix)
    )
  }

  *#askRegistry(view: NetworkView, nowMs: number): Generator<TunnelDecision> {
    if (this.#isConnected(view)) return this.#bootstrap.connected()
    if (this.#bootstrap.begin(this.#isAlone, nowMs)) yield { kind: 'ask-registry' }
  }

  /** Whether there is no tunnel at all. */
  get #isAlone(): boolean {
    return this.#clients.size === 0 && ![...this.#tunnels.values()].some(({ state }) => state === 'up')
  }

  /** Whether we belong to the part of the network that has the registry's node. */
  #isConnected(view: NetworkView): boolean {
    const registry = this.#settings.registryPrefix
    if (registry === this.#own)
      return this.#clients.size > 0 || view.sampleReachable(this.#random) !== undefined
    return (
      view.isReachable(registry) || this.#tunnels.get(registry)?.state === 'up' || this.#clients.has(registry)
    )
  }

  #clientCount(): number {
    const { clientCount, hasServers, neighbours } = this.#settings
    // Not whoever has just lost its clients: they were lost with its connection, and come back.
    const isUnreachable = hasServers && this.#clients.size === 0 && !this.#wasReached
    return Math.max(
      neighbours.size,
      isUnreachable ? Math.min(clientCount, UNREACHABLE_CLIENT_COUNT) : clientCount,
    )
  }
}
