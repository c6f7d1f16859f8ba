/*
 * What a node says of its choice of ways, and of what changed last: part of docs/control-socket.md.
 */

/** Why a way is taken, or is not. */
export type WayReason =
  | 'taken'
  | 'worse'
  | 'infeasible'
  | 'hysteresis'
  | 'retracted'
  | 'link-unusable'
  | 'unknown'

/** What is known of the ways to a node. */
export interface ExplanationReply {
  /** Subnet name. */
  readonly node: string
  readonly address: string
  /** Whether it is the node that was asked. */
  readonly own: boolean
  /** What routes to it are announced: its subnet, and its IPv4 subnet if there is one. */
  readonly destinations: readonly DestinationReply[]
}

/** The ways to one subnet of a node. */
export interface DestinationReply {
  readonly prefix: string
  /** The one that is taken first, then by metric. */
  readonly candidates: readonly CandidateReply[]
  /** The last one that went first. */
  readonly former: readonly FormerCandidateReply[]
}

/** A way that a neighbour announces. */
export interface CandidateReply {
  /** Link-local address, interface and subnet name of the neighbour. */
  readonly via: string
  readonly iface: string
  readonly nextHop: string | null
  readonly metric: number
  /** As the neighbour announces it. */
  readonly announcedMetric: number
  /** Null: the link cannot be used. */
  readonly linkCost: number | null
  /** Metric on average, which has to be better as well; null: the router does not say. */
  readonly smoothedMetric: number | null
  readonly roundTripMs: number | null
  /** Null: the router does not say. */
  readonly feasible: boolean | null
  readonly reason: WayReason
  /** Whether the link is made expensive, to be left. */
  readonly draining: boolean
  /** Whether it is made expensive because the neighbour does not answer, or did not lately. */
  readonly doubted: boolean
  /** For how long the neighbour has been asked whether it is alive without an answer; null: it is not asked. */
  readonly unansweredMs: number | null
  readonly routerId: string
}

/** A way that ended with its neighbour. */
export interface FormerCandidateReply {
  readonly via: string
  readonly iface: string
  readonly nextHop: string | null
  /** Null: it could not be used any more, or the router does not say. */
  readonly metric: number | null
  readonly since: string
  /** How it was noticed that it is gone. */
  readonly cause: string | null
}

/** What can happen. */
export type EventKind =
  | 'neighbour-up'
  | 'neighbour-lost'
  | 'neighbour-doubted'
  | 'neighbour-trusted'
  | 'way-taken'
  | 'way-left'
  | 'tunnel-up'
  | 'tunnel-down'
  | 'tunnel-failed'
  | 'router-restarted'

/** Something that happened. */
export interface EventReply {
  /** Grows by one with each event of a node. */
  readonly number: number
  readonly time: string
  readonly kind: EventKind
  /** Subnet name of the neighbour, the peer, or the destination; null: not known, or it is none. */
  readonly node: string | null
  /** Of a way: the destination, and the subnet name of the next hop. */
  readonly prefix: string | null
  readonly nextHop: string | null
  readonly iface: string | null
  /** Link-local address of the neighbour or next hop; of a tunnel, the address of the other end outside the network. */
  readonly via: string | null
  /** Of a way: its metric; of a neighbour: the cost of the link. */
  readonly metric: number | null
  /** Null: whoever noticed it does not say. */
  readonly cause: string | null
}

/** What happened last. */
export interface EventsReply {
  /** The oldest first. */
  readonly events: readonly EventReply[]
  /** How many that were asked for are not remembered any more. */
  readonly forgotten: number
  /** Number of the last event; to be given with the next question. */
  readonly last: number
}

/** The way to a node, and its way back. */
export interface TraceReply {
  /** Subnet name. */
  readonly node: string
  readonly address: string
  readonly there: WayReply
  readonly back: WayReply
}

/** Hops from one end to the other, without the beginning. */
export interface WayReply {
  /** Whether it was followed to its end. */
  readonly complete: boolean
  /** Why not. */
  readonly problem: string | null
  readonly hops: readonly HopReply[]
}

/** A node on the way. */
export interface HopReply {
  /** Subnet name; null: not known. */
  readonly node: string | null
  readonly address: string | null
  /** Round-trip time of the link to it, as the node before it measures it. */
  readonly linkMs: number | null
  /** Round-trip time from the node that was asked to this one, measured now; null: no answer, or it is that node. */
  readonly roundTripMs: number | null
  /** The node before it says so, or packets with few hops to live show it. */
  readonly foundBy: 'routing' | 'packets'
}
