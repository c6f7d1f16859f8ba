import { TokenBucket } from '../../token-bucket.ts'
import type { Acknowledgments } from './acknowledgments.ts'
import type { FullQueues } from './full-queues.ts'
import type { Neighbour } from './model.ts'
import type { Patience } from './patience.ts'
import type { Suspicion } from './suspicion.ts'
import type { World } from './world.ts'

/**
 * How much is asked in all. Where one machine is too busy to answer in time, so are the others on it, and everybody asks
 * everybody: that must not be what keeps them busy. At once, it is enough for a node with 30 neighbours, of which none answers.
 */
const LIMIT = { perSecond: 10, burst: 400 } as const
/** What is above that got out. */
const FULL_QUEUE_SHARE = 0.98

/** Asks neighbours to acknowledge (RFC 8966, 3.3), which any router does, to know whether they are alive. */
export class Questions {
  readonly #world: World
  readonly #acknowledgments: Acknowledgments
  readonly #queues: FullQueues
  readonly #limit = new TokenBucket(LIMIT.perSecond, LIMIT.burst)

  constructor(world: World, acknowledgments: Acknowledgments, queues: FullQueues) {
    this.#world = world
    this.#acknowledgments = acknowledgments
    this.#queues = queues
  }

  /** Whether one more may be asked now. */
  areAllowed(nowMs: number): boolean {
    return this.#limit.has(nowMs)
  }

  /** Asks one, if it may. @returns whether it did */
  ask(nowMs: number, neighbour: Neighbour, suspicion: Suspicion, { answers }: Patience): boolean {
    if (!this.#limit.take(nowMs)) return false
    const { iface, address } = neighbour
    suspicion.probes++
    const share = this.#queues.shareSent(nowMs, iface.name)
    const copies = this.#queues.copies(nowMs, iface.name)
    suspicion.sent += copies * share
    suspicion.wasQueueFull ||= share < FULL_QUEUE_SHARE
    const request = this.#acknowledgments.probe()
    answers.asked(nowMs, request.opaque)
    for (let copy = 0; copy < copies; copy++) this.#world.output.send(iface.name, address, [request])
    return true
  }
}
