import type { Destination, OutgoingTlv, RouterId, Tlv } from '../wire/tlv.ts'

/**
 * What the machine of routes is told, and what it does. All times are milliseconds of one monotonic clock, with
 * fractions; addresses are text, link-local ones without a zone.
 */

/** What an interface is: a server's tap with many neighbours, a client tunnel with one, or a LAN. */
export type LinkKind = 'server' | 'tunnel' | 'lan'

/** An interface that came up: it has a link-local address and can send. */
export interface InterfaceState {
  readonly name: string
  readonly kind: LinkKind
  /** Our own link-local address on it. */
  readonly address: string
  /** Our own IPv4 address on it, if any: next hop of IPv4 routes; without one the IPv6 next hop is announced (RFC 9229). */
  readonly ipv4Address?: string
}

/** A packet that was received and is authentic. */
export interface ReceivedPacket {
  readonly iface: string
  /** Link-local address of the sender. */
  readonly source: string
  readonly multicast: boolean
  readonly tlvs: readonly Tlv[]
  /** When it was read from the socket. */
  readonly receivedMs: number
  /** Whether that time says nothing of the link, because we ourselves were late: no sample of the round-trip time. */
  readonly isLate: boolean
}

/** A route that we originate. */
export interface LocalRoute extends Destination {
  readonly metric: number
}

/** How costs come from what is measured. Units as babeld has them. */
export interface LinkParameters {
  readonly helloIntervalMs: number
  readonly updateIntervalMs: number
  /** What we tell neighbours that it costs to send to us, on a link that is well: 96 for tunnels, 64 for LANs. */
  readonly rxcost: number
  /** Cost that is added for a round-trip time of `rttMaxMs` and more (RFC 9616, 4); 0: none. */
  readonly maxRttPenalty: number
  readonly rttMinMs: number
  readonly rttMaxMs: number
  /** How fast the average follows, in 1/256 per sample (RFC 9616, 3.3). */
  readonly rttDecay: number
  /** Whether what was heard on an interface is also told on it (false on a server's tap, whose clients do not hear each other). */
  readonly splitHorizon: boolean
}

/** How expensive a link, or one neighbour, is to be made: draining leaves it as the last way, unusable as none at all. */
export type CostLevel = 'normal' | 'draining' | 'unusable'

/** A route that packets take, for the forwarding table. */
export interface ForwardingRoute extends Destination {
  readonly iface: string
  readonly nextHop: string
}

/** Where packets to a destination go: nowhere, not even where those to a shorter prefix go; `undefined`: as if it were not known. */
export type Forwarding = ForwardingRoute | 'unreachable' | undefined

/** Why a neighbour came or went. */
export type NeighbourCause =
  | 'heard'
  | 'hellos missed'
  | 'no answer'
  | 'transport ended'
  | 'interface down'
  | 'goodbye'
  | 'too many'

/**
 * Why a route is not taken: it is no better than the one that is; it could close a loop (RFC 8966, 3.5.1); it is better, and
 * was not for long enough; the neighbour announces it no more; the neighbour cannot be used.
 */
export type RouteReason =
  | 'selected'
  | 'worse'
  | 'infeasible'
  | 'hysteresis'
  | 'retracted'
  | 'link-unusable'
  | 'own'

/**
 * What made a route come, change, or go. Of one that is taken from now on: it is the first one, the best of those that are
 * left, or a better one; of one that is not any more, `replaced`: there is a better one.
 */
export type RouteCause =
  | 'announced'
  | 'retracted'
  | 'expired'
  | 'infeasible'
  | 'link unusable'
  | 'neighbour lost'
  | 'not accepted'
  | 'first'
  | 'next best'
  | 'better'
  | 'replaced'

/** A neighbour (RFC 8966, 3.2.4) as users see it. */
export interface NeighbourView {
  readonly iface: string
  readonly address: string
  readonly rxcost: number
  readonly txcost: number
  readonly cost: number
  readonly rttMs: number | undefined
  readonly level: CostLevel
  /** It does not answer, or did not lately: packets take other ways if there are any. */
  readonly isDoubted: boolean
}

/** A candidate (RFC 8966, 3.2.6) as users see it. */
export interface RouteView extends Destination {
  readonly iface: string
  readonly neighbour: string
  readonly nextHop: string
  readonly routerId: RouterId
  readonly seqno: number
  readonly metric: number
  readonly refmetric: number
  readonly selected: boolean
  readonly reason: RouteReason
}

/** A candidate with what route selection (RFC 8966, 3.6) looks at. */
export interface CandidateView extends RouteView {
  readonly feasible: boolean
  /** The metric on average, which must be better as well. */
  readonly smoothedMetric: number
  readonly link: NeighbourView
  /** Since when the neighbour is asked whether it is alive, and has not answered; undefined: it is not asked. */
  readonly suspectedMs: number | undefined
}

/** A neighbour that is gone, and had announced a way. */
export interface FormerCandidateView {
  readonly iface: string
  readonly neighbour: string
  readonly metric: number
  readonly cause: NeighbourCause
  readonly goneMs: number
}

/** All that is known of a destination. */
export interface ExplanationView extends Destination {
  /** Whether it is our own. */
  readonly own: boolean
  readonly candidates: readonly CandidateView[]
  readonly former: readonly FormerCandidateView[]
}

/** What the machine does to the world. Calls come in order, during a call of one of its inputs. */
export interface EngineOutput {
  /**
   * To one neighbour, or, without `to`, to all on the interface. May be more than one packet holds. An update that names no next
   * hop is sent from it: our own address there.
   */
  send(iface: string, to: string | undefined, tlvs: readonly OutgoingTlv[]): void
  /** The forwarding table changes. One replaces the other without a gap. */
  forward(destination: Destination, to: Forwarding): void
  neighbour(
    change: 'added' | 'changed' | 'flushed',
    neighbour: NeighbourView,
    cause: NeighbourCause | undefined,
  ): void
  route(change: 'added' | 'changed' | 'flushed', route: RouteView, cause: RouteCause): void
}
