import type { Neighbour } from './model.ts'
import type { NeighbourCause } from './ports.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** How many packets had come over the interface of a neighbour, if all of them are its own. */
export interface Arrivals {
  readonly atMs: number
  readonly packets: number | undefined
}

/** What has come from a neighbour until now. */
export const arrivalsFrom = ({ arrivals }: World, nowMs: number, { iface }: Neighbour): Arrivals => ({
  atMs: nowMs,
  packets: arrivals(iface.name),
})

/** Whether anything has come from it since then. */
export function hasArrivedSince({ arrivals }: World, { iface }: Neighbour, { packets }: Arrivals): boolean {
  const now = arrivals(iface.name)
  return now !== undefined && packets !== undefined && now > packets
}

/** A neighbour that has not answered, and is asked. */
export interface Suspicion {
  readonly cause: NeighbourCause
  readonly timer: Timer
  readonly doubtTimer: Timer
  /** Since when it has not answered; since when we ask it, and others. */
  sinceMs: number
  askedMs: number
  /** When it is doubted, if nothing comes; whether that was put off, because answers might be there and not be read yet. */
  doubtMs: number
  isDoubtPutOff: boolean
  /** Whether this silence has led to doubt; that of one before may last (see doubts.ts), and whoever is asked now is not asked less for it. */
  hasLedToDoubt: boolean
  /** When it is dead, if nothing comes. */
  untilMs: number
  /** When it is looked next whether something has come. */
  lookMs: number
  /** How often we ran so late meanwhile that answers might be there and not be read yet. */
  catchUps: number
  probes: number
  /** Whether it was to be asked more often, and too much was asked in all. */
  isHeldBack: boolean
  /** How long its answers take, if that was known when it became silent. */
  readonly usualMs: number | undefined
  /** How many of the requests got out of this machine, likely; whether some did not. */
  sent: number
  wasQueueFull: boolean
  /** What had come from there a pause ago or more, and since then. */
  arrived: Arrivals
  arriving: Arrivals
  /** How often it was given more time. */
  extensions: number
  /** Whether our own uplink seemed to be down, and back, since it is asked. */
  hasSeemedBack: boolean
}

/** One that begins; nothing was asked yet. */
export function newSuspicion(
  nowMs: number,
  known: Pick<Suspicion, 'cause' | 'sinceMs' | 'usualMs' | 'arrived'>,
  on: Record<'unanswered' | 'unansweredForLong', (nowMs: number) => void>,
): Suspicion {
  return {
    ...known,
    timer: new Timer(on.unanswered),
    doubtTimer: new Timer(on.unansweredForLong),
    askedMs: nowMs,
    doubtMs: Number.POSITIVE_INFINITY,
    isDoubtPutOff: false,
    hasLedToDoubt: false,
    untilMs: Number.POSITIVE_INFINITY,
    lookMs: nowMs,
    catchUps: 0,
    probes: 0,
    isHeldBack: false,
    sent: 0,
    wasQueueFull: false,
    arriving: known.arrived,
    extensions: 0,
    hasSeemedBack: false,
  }
}

/** A machine that was stopped so often while a neighbour did not answer is overloaded. */
const STARVED_CATCH_UPS = 3
/**
 * Where our own queue is full, so many requests must have got out of this machine, as far as can be known, before silence means
 * anything, but it is not asked for longer than that: of a link that is so full, a doubt that was wrong costs least.
 */
const FROM_FULL_QUEUE = { doubt: 8, death: 24 } as const
const MAX_FULL_QUEUE_MS = { doubt: 700, death: 4_000 } as const

/** Whether we run late again and again. */
export const isStarved = ({ catchUps }: Suspicion): boolean => catchUps >= STARVED_CATCH_UPS

/** Whether too few requests may have got out of our own queue to mean anything. */
export const mayAllBeLostHere = (
  nowMs: number,
  { wasQueueFull, sent, askedMs }: Suspicion,
  verdict: 'doubt' | 'death',
): boolean => wasQueueFull && sent < FROM_FULL_QUEUE[verdict] && nowMs < askedMs + MAX_FULL_QUEUE_MS[verdict]
