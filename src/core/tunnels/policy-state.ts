import type { Random } from '../random.ts'
import type { PeerAddress } from '../values/address-list.ts'
import type { Prefix } from '../values/prefix.ts'
import type { NetworkView } from './decisions.ts'
import { FailedPeers } from './failed-peers.ts'
import type { Usage } from './patience.ts'
import { Refusals } from './refusals.ts'
import type { TunnelSettings } from './settings.ts'

/** A client tunnel that was begun. */
export interface Tunnel {
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
/** How long nobody is asked in place of a peer that was: questions get lost where a route has just come. */
const ANSWER_MS = 2_000

/** What a node remembers of its tunnels, and of whom it could make some to. */
export class PolicyState {
  readonly own: Prefix
  readonly random: Random
  settings: TunnelSettings
  readonly tunnels = new Map<Prefix, Tunnel>()
  readonly clients = new Map<Prefix, Client>()
  /** Whether anybody connected to us in this time between two tries of everything, or the one before. */
  wasReached = false
  /** Peers that were asked for their addresses, and when. */
  readonly asked = new Map<Prefix, number>()
  readonly failed = new FailedPeers()
  readonly refusals = new Refusals()
  /** Peers with tunnels that ended before routing could hear anybody over them; until the registry has answered. */
  readonly early = new Refusals()
  /** Peers whose tunnels could not be closed: not again before the next refresh. */
  readonly kept = new Set<Prefix>()
  readonly proposed = new Map<Prefix, Proposal>()
  /** When something is due that was not at the last decision. */
  wakeMs = Number.POSITIVE_INFINITY

  constructor(own: Prefix, settings: TunnelSettings, random: Random) {
    this.own = own
    this.settings = settings
    this.random = random
  }

  /** Whether the time has come; if not, it is remembered as one at which to decide. */
  isDue(atMs: number, nowMs: number): boolean {
    if (nowMs < atMs) this.wakeMs = Math.min(this.wakeMs, atMs)
    return nowMs >= atMs
  }

  /** How many tunnels this node should make. */
  get clientCount(): number {
    const { clientCount, neighbours } = this.settings
    // Not whoever has just lost its clients: they were lost with its connection, and come back.
    const servesNobody = this.clients.size === 0 && !this.wasReached
    return Math.max(neighbours.size, servesNobody ? Math.min(clientCount, TAKER_CLIENT_COUNT) : clientCount)
  }

  /** How many tunnels there should be more. Whoever has just been asked for its addresses is as good as a tunnel. */
  missing(view: Pick<NetworkView, 'isReachable'>, nowMs: number): number {
    let missing = this.clientCount
    for (const { state, isExtra } of this.tunnels.values())
      if (state === 'up' || (state === 'connecting' && !isExtra)) missing -= 1
    // Not where its answer has no way any more: who has just been cut off waits for nobody.
    for (const [prefix, askedMs] of this.asked)
      if (view.isReachable(prefix) && !this.isDue(askedMs + ANSWER_MS, nowMs)) missing -= 1
    return missing
  }

  /** A peer is asked for its addresses. */
  ask(prefix: Prefix, nowMs: number): void {
    this.asked.set(prefix, nowMs)
    this.wakeMs = Math.min(this.wakeMs, nowMs + ANSWER_MS)
  }

  /** Whether any tunnel is up, in either direction. */
  get hasTunnels(): boolean {
    return this.clients.size > 0 || [...this.tunnels.values()].some(({ state }) => state === 'up')
  }

  /** Whether no tunnel waits for a usable neighbour. */
  get areAllInUse(): boolean {
    return areInUse(this.tunnels.values()) && areInUse(this.clients.values())
  }

  /** Whether a tunnel may be made to a peer: there is none, and nothing speaks against it. */
  isFree(prefix: Prefix, view: Pick<NetworkView, 'isNeighbour'>): boolean {
    return (
      prefix !== this.own &&
      !this.tunnels.has(prefix) &&
      !this.clients.has(prefix) &&
      !this.asked.has(prefix) &&
      !this.failed.isExcluded(prefix) &&
      !this.refusals.isWaiting(prefix) &&
      !this.early.isWaiting(prefix) &&
      !view.isNeighbour(prefix)
    )
  }

  /** A tunnel was up, and of no use. */
  wasUseless(prefix: Prefix, tunnel: Tunnel): void {
    this.failed.wasUseless(prefix)
    this.setAside(prefix, tunnel)
  }

  /**
   * A tunnel was up, and ended before its time to be of use was over. A server that lets us in and hangs up at once would do
   * so again; one that we have lost with an uplink, or that was started anew, would not: it is tried later each time.
   */
  endedEarly(prefix: Prefix, { begunMs }: Tunnel): void {
    this.failed.putLast(prefix)
    this.failed.include(prefix)
    this.early.happened(prefix, begunMs)
  }

  /** Not again before the next refresh; one that must be a neighbour, whom nobody can replace, after a while. */
  setAside(prefix: Prefix, { begunMs }: Tunnel): void {
    if (!this.settings.neighbours.has(prefix)) return this.failed.exclude(prefix)
    this.failed.include(prefix)
    if (!this.refusals.isNews(prefix)) this.refusals.happened(prefix, begunMs)
  }
}

function areInUse(tunnels: Iterable<{ readonly usage: Usage }>): boolean {
  for (const { usage } of tunnels) if (usage.unusedSinceMs !== undefined) return false
  return true
}
