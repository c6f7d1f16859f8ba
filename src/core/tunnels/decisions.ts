import type { Random } from '../random.ts'
import type { PeerAddress } from '../values/address-list.ts'
import type { Prefix } from '../values/prefix.ts'

/** Whoever of the network answers at an address (`--client`). */
export const ANYONE = 'anyone'

/** Whom a client tunnel is made to. */
export type TunnelTarget = Prefix | typeof ANYONE

/** What is seen of the network. */
export interface NetworkView {
  /** Whether there is a route to the node. */
  isReachable(prefix: Prefix): boolean
  /** Whether there is a route to any node. */
  readonly reachesAnybody: boolean
  /** Whether it is one hop away: over a tunnel in either direction, or a LAN. */
  isNeighbour(prefix: Prefix): boolean
  /** A node to which there is a route, at random. */
  sampleReachable(random: Random): Prefix | undefined
  /** How many nodes are routed over the client tunnel to this peer. */
  nodesOver(prefix: Prefix): number
  /** Whether routing works at all: while it does not, that it has no neighbours says nothing of tunnels. */
  readonly isRouting: boolean
  /** Whether the peer of this client tunnel does not answer, or did not lately: what is routed over it then says nothing. */
  isTunnelDoubted(prefix: Prefix): boolean
  /** Whether routing has a usable neighbour behind this client tunnel. */
  isTunnelUsable(target: TunnelTarget): boolean
  /** Whether it has one behind the tunnel that this peer has made to us; true also where that cannot be told. */
  isClientUsable(prefix: Prefix): boolean
  /**
   * Another number whenever one of the answers about neighbours and the usability of tunnels may be another one than before.
   * Not a number where that cannot be told.
   */
  readonly neighbourChanges: number
  /** Known addresses of a node, in the order in which to try them. */
  addressesOf(prefix: Prefix): readonly PeerAddress[]
  /** Nodes with known addresses. */
  cachedPeers(): readonly Prefix[]
}

/** What to do. */
export type TunnelDecision =
  /** Make a client tunnel. Its outcome: `tunnelUp`, or `tunnelDown`. */
  | { readonly kind: 'connect'; readonly target: TunnelTarget; readonly addresses: readonly PeerAddress[] }
  /** End a client tunnel when nothing uses it any more. Its outcome: `tunnelDown`, or `tunnelKept`. */
  | { readonly kind: 'close'; readonly target: TunnelTarget; readonly reason: string }
  /** End a client tunnel that must not be, whoever uses it. Its outcome: `tunnelDown`. */
  | { readonly kind: 'close-now'; readonly target: TunnelTarget; readonly reason: string }
  /** End a client tunnel that has failed, though it is up. Its outcome: `tunnelDown`. */
  | { readonly kind: 'give-up'; readonly target: TunnelTarget; readonly reason: string }
  /** End the tunnel that a peer has made to us. Its outcome: `clientDown`. */
  | { readonly kind: 'drop-client'; readonly prefix: Prefix; readonly reason: string }
  /** Ask a peer for its addresses. Its outcome, if any: `addressesLearnt`. */
  | { readonly kind: 'ask-addresses'; readonly prefix: Prefix }
  /** We are cut off: ask the registry for what may bring us back. Its outcome: `registryAnswered`. */
  | { readonly kind: 'ask-registry'; readonly forPeer: boolean }

/** A node that the registry proposes. */
export interface ProposedPeer {
  readonly prefix: Prefix
  readonly addresses: readonly PeerAddress[]
}

/** That we are cut off from the part of the network that has the registry's node. */
export interface CutOff {
  /** Monotonic clock. */
  readonly sinceMs: number
  /** When the registry is asked again; infinity: it is being asked. Monotonic clock. */
  readonly nextAskMs: number
}

/**
 * Decides about the tunnels of one node, and does nothing: it is told what happened, and asked what to do. Decisions
 * that are taken are remembered as begun; their outcome must be told.
 */
export interface TunnelStrategy {
  /** What to do now. Call it whenever something has happened, and at `nextWakeMs`. */
  decide(view: NetworkView, nowMs: number): readonly TunnelDecision[]
  /** When `decide` should be called at the latest, if nothing happens before. Monotonic clock. */
  readonly nextWakeMs: number
  /** Undefined: we are not. As it was at the last decision. */
  readonly cutOff: CutOff | undefined
  /** @param remote at which of the addresses it answered */
  tunnelUp(target: TunnelTarget, remote: PeerAddress | undefined): void
  /**
   * A client tunnel ended, or could not be made.
   * @param isReachable whether there is a route to the peer
   * @param isUnwanted whether the peer refused it, or ended it
   */
  tunnelDown(target: TunnelTarget, isReachable: boolean, isUnwanted: boolean): void
  /** A client tunnel that was to be closed is still in use: it stays. */
  tunnelKept(target: TunnelTarget): void
  /** A peer made a tunnel to one of our servers. */
  clientUp(prefix: Prefix): void
  clientDown(prefix: Prefix): void
  /** A peer said its addresses. */
  addressesLearnt(prefix: Prefix, addresses: readonly PeerAddress[]): void
  /** The registry proposed a peer, or could not be asked, or knew none. */
  registryAnswered(peer: ProposedPeer | undefined, nowMs: number): void
  /** What counts against peers may be over: another certificate, another time of day, other keys of routing. */
  circumstancesChanged(what: Circumstance): void
}

/**
 * - `network`: this machine's own (an address, the default route, a link, the return from suspend);
 * - `identity`: we have another certificate;
 * - `clock`: it was set, and certificates that were not valid may be now;
 * - `routing-keys`: neighbours may hear us, and we them, that did not.
 */
export type Circumstance = 'network' | 'identity' | 'clock' | 'routing-keys'
