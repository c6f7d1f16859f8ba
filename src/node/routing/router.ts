import type { NetworkKeys } from '../../core/babel/configuration.ts'
import type { LinkKind, NeighbourCause, RouteCause, RouteReason } from '../../core/babel/engine/ports.ts'
import type { LinkDefaults } from '../../core/config/link-defaults.ts'
import type { DefaultRoute, Ipv4Announcement } from '../../core/routes/announcements.ts'

/** A neighbour of the routing protocol (RFC 8966, 3.2.4): a router that we hear on an interface. */
export interface Neighbour {
  /** Its link-local address. */
  readonly address: string
  readonly iface: string
  /** Cost of receiving from it, as we tell it (RFC 8966, 3.4.3). 65535 is infinity. */
  readonly rxcost: number
  /** Cost of sending to it, as it tells us. */
  readonly txcost: number
  /** Cost of the link. 65535 is infinity. */
  readonly cost: number
  /** Round-trip time (RFC 9616), if known. */
  readonly rttMs: number | undefined
  /** It does not answer, or did not lately, and its cost is high for that; babeld does not ask. */
  readonly isDoubted?: boolean
}

/** An entry of the route table (RFC 8966, 3.2.6). */
export interface Route {
  /** Destination in CIDR notation. */
  readonly prefix: string
  /** Source prefix (RFC 9079) in CIDR notation; `::/0` for any. */
  readonly from: string
  readonly installed: boolean
  /** Total metric. 65535 is infinity: retracted. */
  readonly metric: number
  /** Metric as the neighbour announced it; 0: the neighbour itself originates it. */
  readonly refmetric: number
  /** Link-local address of the next hop. */
  readonly via: string
  readonly iface: string
  /** Router-id of the originator. */
  readonly routerId: string
}

/** A neighbour or route that came, changed or went. Of causes, babeld says nothing. */
export type RoutingChange =
  | {
      readonly kind: 'neighbour'
      readonly change: 'added' | 'changed' | 'flushed'
      readonly neighbour: Neighbour
      readonly cause?: NeighbourCause | undefined
    }
  | {
      readonly kind: 'route'
      readonly change: 'added' | 'changed' | 'flushed'
      readonly route: Route
      readonly cause?: RouteCause
    }
  /** It began anew: the tables are empty for now. */
  | { readonly kind: 'restarted' }

/** A way to a destination that is known, and what decides whether packets take it. */
export interface Candidate extends Route {
  /** Link-local address of the neighbour that announces it. */
  readonly neighbour: string
  readonly linkCost: number
  readonly rttMs: number | undefined
  /** `unknown`: it is better than the one that is taken; the router does not say why it is not. */
  readonly reason: Exclude<RouteReason, 'own'> | 'unknown'
  /** Whether it can be taken without the danger of a loop (RFC 8966, 3.5.1); undefined: the router does not say. */
  readonly feasible: boolean | undefined
  /** Metric on average, which counts as well; undefined: the router does not say. */
  readonly smoothedMetric: number | undefined
  /** Whether the link is made expensive, to be left. */
  readonly isDraining: boolean
  /** Whether it is expensive because the neighbour does not answer, or did not lately. */
  readonly isDoubted: boolean
  /** For how long the neighbour has been asked whether it is alive, without an answer. */
  readonly unansweredMs: number | undefined
}

/** A way that ended with its neighbour. */
export interface FormerCandidate {
  readonly iface: string
  readonly neighbour: string
  readonly metric: number
  /** How that was noticed. */
  readonly cause: NeighbourCause
  readonly goneMsAgo: number
}

/** What a router knows of a destination. */
export interface RouteExplanation {
  /** In CIDR notation. */
  readonly prefix: string
  /** Source prefix in CIDR notation. */
  readonly from: string
  readonly candidates: readonly Candidate[]
  /** The last one that went first; undefined: the router does not say. */
  readonly former: readonly FormerCandidate[] | undefined
}

/** MAC keys (RFC 8967), 16 bytes each for blake2s128. */
export type RouterKeys = NetworkKeys

/** What the router is started with. `setKeys` and `reconfigure` change it, at different costs. */
export interface RouterSettings {
  /** Node address in CIDR notation (/128 or the length of the subnet), announced. */
  readonly nodeCidr: string
  /** Network in CIDR notation. */
  readonly networkCidr: string
  readonly nodeAddress: string
  /** What of the IPv4 payload is this node's, if anything. */
  readonly ipv4: Ipv4Announcement | undefined
  readonly defaultRoute: DefaultRoute
  readonly helloIntervalMs: number
  /** What the network configuration says of links (`babel_default`). */
  readonly linkDefaults: LinkDefaults
  readonly keys: RouterKeys
  /** Whether the kernel has source-specific routes. */
  readonly sourceSpecific: boolean
  /** About how many nodes the network has, as far as is known before their routes come. */
  readonly nodeCount?: number
}

/** What an interface is: a server's tap (many neighbours), a client tunnel (one neighbour, ours alone), or a LAN. */
export type InterfaceKind = LinkKind

/** Finds the way of packets: a router of our own, or babeld. */
export interface Router {
  /** Live tables, kept up to date. */
  readonly neighbours: readonly Neighbour[]
  readonly routes: readonly Route[]
  /** Whether it runs: while it is started again, that it has no neighbours says nothing of them. */
  readonly isRunning: boolean
  /** Calls `listener` for each change, in order, until disposed of. */
  watch(listener: (change: RoutingChange) => void): Disposable
  /** @throws Re6stError `DAEMON` when the daemon is missing, too old, or does not start */
  start(settings: RouterSettings, signal: AbortSignal): Promise<void>
  /**
   * Routes over an interface, which need not be there yet, and may go and come back. Those that are known before the start
   * are best added before it; a client tunnel when it is connected and up.
   * @param expected prefixes that the neighbour there originates, in CIDR notation, as far as they are known
   */
  addInterface(iface: string, kind: InterfaceKind, expected?: readonly string[]): Promise<void>
  /** Its routes are gone from our kernel when this resolves. */
  removeInterface(iface: string): Promise<void>
  /**
   * Lets neighbours send to us over an interface like over any other, or only what has no other way.
   * @param neighbour only this one of them, by its link-local address; babeld cannot: nothing changes then
   */
  setCost(iface: string, cost: 'normal' | 'high', neighbour?: string): Promise<void>
  /**
   * Makes every way over this node the last one that others take, or one like any other again; what comes from this node, or
   * is for it, goes on. Resolves when the neighbours know, as far as they answer.
   */
  setDraining(isDraining: boolean): Promise<void>
  /** Whether that is a matter of moments; babeld needs a hello interval for each interface. */
  readonly drainsAtOnce: boolean
  /** The transport says that a neighbour has gone, for one on an interface with many: nobody needs to miss its hellos. */
  neighbourGone(iface: string, neighbour: string): void
  /**
   * Removes an interface over which nobody sends to us any more: first our own packets take other ways, as soon as there
   * are some.
   * @returns false when some have none within the limit: it stays, expensive. babeld cannot tell: they are lost then
   */
  leaveInterface(iface: string, limitMs: number): Promise<boolean>
  /** Whether a new interface may have this name: nothing is left here of a former one that had it. */
  isNameFree(iface: string): boolean
  /** Changes keys without losing a route, where the daemon can. */
  setKeys(keys: RouterKeys): Promise<void>
  /** Takes other settings into effect, by the least disruption that the daemon allows. */
  reconfigure(settings: RouterSettings): Promise<void>
  /** All candidates for a destination from any source, and why they are taken or not. */
  explain(prefix: string): Promise<RouteExplanation>
  /** Retracts our routes and ends. */
  stop(): Promise<void>
}
