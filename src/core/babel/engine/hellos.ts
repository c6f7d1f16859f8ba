import { type Ihu, INFINITY, type OutgoingTlv } from '../wire/tlv.ts'
import type { Interface, Neighbour } from './model.ts'
import { seqnoPlus } from './seqno.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** RFC 8966, B: as often an IHU is sent on a link that loses nothing, as babeld does it. */
const HELLOS_PER_IHU = 3
/** A little earlier than promised, and not all at the same time. */
const EARLIEST = 0.95
/** So many IHUs are in the same packet as a hello, without which they say nothing of the round-trip time (RFC 9616, 3.2). */
const IHUS_PER_HELLO = 30
/** What Babel can say (RFC 8966, 4.1.2). */
const MAX_INTERVAL_MS = 655_350

/** Hellos and IHUs (RFC 8966, 3.4), also between those that are due. */
export class Hellos {
  readonly #world: World
  readonly #timers = new Map<Interface, Timer>()

  constructor(world: World) {
    this.#world = world
  }

  /** Begins scheduled hellos; the first one is sent by whoever calls this. */
  start(iface: Interface): void {
    this.#timers.set(iface, new Timer((nowMs) => this.#scheduled(nowMs, iface)))
  }

  stop(iface: Interface): void {
    const timer = this.#timers.get(iface)
    if (timer) this.#world.timers.clear(timer)
    this.#timers.delete(iface)
  }

  #scheduled(nowMs: number, iface: Interface): void {
    const isForAll = iface.helloSeqno % HELLOS_PER_IHU === 0
    this.sendScheduled(nowMs, iface, isForAll ? iface.neighbours.values() : marginal(iface))
  }

  /**
   * A hello for all on an interface, with the promise of the next one: also ahead of time, as it may be (3.4.1).
   * @param heard who is told that it is heard
   */
  sendScheduled(
    nowMs: number,
    iface: Interface,
    heard: Iterable<Neighbour>,
    also: readonly OutgoingTlv[] = [],
  ): void {
    const timer = this.#timers.get(iface)
    if (timer === undefined) return
    const { helloIntervalMs } = iface.parameters
    const early = EARLIEST + (1 - EARLIEST) * this.#world.random.next()
    this.#world.timers.set(timer, nowMs + helloIntervalMs * early)
    this.#send(iface, undefined, helloIntervalMs, [...heard], also)
  }

  /** Tells neighbours what receiving from them costs, at once. */
  tell(iface: Interface, neighbours: Iterable<Neighbour>): void {
    this.#send(iface, undefined, 0, [...neighbours], [])
  }

  #send(
    iface: Interface,
    to: string | undefined,
    intervalMs: number,
    heard: readonly Neighbour[],
    also: readonly OutgoingTlv[],
  ): void {
    const rest = [...heard]
    let promisedMs = intervalMs
    do {
      const ihus = rest.splice(0, IHUS_PER_HELLO).map((neighbour) => ihuFor(neighbour))
      const hello = {
        kind: 'hello',
        unicast: false,
        seqno: iface.helloSeqno,
        intervalMs: Math.min(promisedMs, MAX_INTERVAL_MS),
        stamped: true,
      } as const
      iface.helloSeqno = seqnoPlus(iface.helloSeqno, 1)
      promisedMs = 0
      this.#world.output.send(iface.name, to, [hello, ...ihus, ...(rest.length === 0 ? also : [])])
    } while (rest.length > 0)
  }
}

function ihuFor(neighbour: Neighbour): Ihu {
  const { iface, address, rxcost, roundTrip } = neighbour
  neighbour.toldRxcost = rxcost
  const { echo } = roundTrip
  const intervalMs = Math.min(HELLOS_PER_IHU * iface.parameters.helloIntervalMs, MAX_INTERVAL_MS)
  return { kind: 'ihu', rxcost, intervalMs, address, ...(echo ? { echo } : {}) }
}

/** Those whom an IHU may not have reached, or that are to know what changed (RFC 8966, B). */
const marginal = ({ neighbours }: Interface): Neighbour[] =>
  [...neighbours.values()].filter(
    (neighbour) =>
      neighbour.missedHellos(HELLOS_PER_IHU) > 0 ||
      neighbour.txcost >= INFINITY ||
      neighbour.toldRxcost !== neighbour.rxcost,
  )
