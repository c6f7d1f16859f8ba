import type { Random } from '../../random.ts'
import type { Destination, RouterId } from '../wire/tlv.ts'
import type { Lateness } from './lateness.ts'
import type { Interface, Neighbour } from './model.ts'
import type { EngineOutput } from './ports.ts'
import type { RouteTable } from './table.ts'
import type { TimerQueue } from './timers.ts'

/** What became of packets that were to go out over an interface. */
export interface Departures {
  readonly sent: number
  readonly dropped: number
}

/** What all parts of the machine share. */
export interface World {
  readonly routerId: RouterId
  readonly random: Random
  readonly output: EngineOutput
  readonly timers: TimerQueue
  readonly table: RouteTable
  readonly interfaces: ReadonlyMap<string, Interface>
  /** How many packets have come over an interface so far, if that is known and all of them are from one neighbour. */
  readonly arrivals: (iface: string) => number | undefined
  /** How many packets were sent over an interface so far, and how many were lost in our own queue, if that is known. */
  readonly departures: (iface: string) => Departures | undefined
  /** How many packets of others than us were sent over a LAN so far to one machine each, if that is known. */
  readonly sentByOthers: (iface: string) => number | undefined
  /** How long a neighbour's answers to the kernel took lately, if that is known: newer than what its hellos tell. */
  readonly usualAnswerMs: (iface: string, address: string) => number | undefined
  /** Our own sequence number (RFC 8966, 3.2.2). */
  seqno: number
  /** Whether we take leave: everything is retracted, and nothing is told any more. */
  isRetracting: boolean
  /**
   * Until then we catch up after a time in which we did not run: what was not heard may not have been read yet, and is no
   * reason for anything.
   */
  catchingUpUntilMs: number
  /** How late we run. */
  readonly lateness: Lateness
  /** Whether others are told of a destination that we have learnt (RFC 8966, C). */
  passesOn: (destination: Destination) => boolean
}

/** All neighbours that are known now. */
export function* neighboursOf({ interfaces }: Pick<World, 'interfaces'>): Generator<Neighbour> {
  for (const { neighbours } of interfaces.values()) yield* neighbours.values()
}

/** A time between `fromMs` and `toMs`. */
export const between = (random: Random, fromMs: number, toMs: number): number =>
  fromMs + random.next() * (toMs - fromMs)
