import { TokenBucket } from '../../token-bucket.ts'
import { INFINITY } from '../metric.ts'
import type { Ihu, OutgoingTlv } from '../wire/tlv.ts'
import type { Interface, Neighbour } from './model.ts'
import { seqnoPlus } from './seqno.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** RFC 8966, B: as often an IHU is sent on a link that loses nothing, as babeld does it; the neighbours take turns. */
const HELLOS_PER_IHU = 3
/** A little earlier than promised, and not all at the same time. */
const EARLIEST = 0.95
/** So many IHUs are in the same packet as a hello, without which they say nothing of the round-trip time (RFC 9616, 3.2). */
const IHUS_PER_HELLO = 30
/**
 * How many hellos of an interface may go out besides those that are due. Whoever misses more than 16 in a row takes us for
 * restarted (RFC 8966, A.1): that must take seconds of loss, however many come, or ask.
 */
const EXTRA_A_SECOND = 4
const EXTRA_AT_ONCE = 6
/** What Babel can say (RFC 8966, 4.1.2). */
const MAX_INTERVAL_MS = 655_350

interface Speaking {
  readonly timer: Timer
  readonly extra: TokenBucket
  turn: number
}

/** Hellos and IHUs (RFC 8966, 3.4), also between those that are due. */
export class Hellos {
  readonly #world: World
  readonly #onScheduled: (nowMs: number, iface: Interface) => void
  readonly #speaking = new Map<Interface, Speaking>()

  /** @param onScheduled one that was due goes out: what is said now is in the same packet */
  constructor(world: World, onScheduled: (nowMs: number, iface: Interface) => void) {
    this.#world = world
    this.#onScheduled = onScheduled
  }

  /** Begins scheduled hellos; the first one is sent by whoever calls this. */
  start(iface: Interface): void {
    const timer = new Timer((nowMs) => this.#scheduled(nowMs, iface))
    const extra = new TokenBucket(EXTRA_A_SECOND, EXTRA_AT_ONCE)
    this.#speaking.set(iface, { timer, extra, turn: iface.helloSeqno % HELLOS_PER_IHU })
  }

  stop(iface: Interface): void {
    const speaking = this.#speaking.get(iface)
    if (speaking) this.#world.timers.clear(speaking.timer)
    this.#speaking.delete(iface)
  }

  isSpeaking(iface: Interface): boolean {
    return this.#speaking.has(iface)
  }

  /** Takes the right to a hello that is not due. */
  mayHurry(nowMs: number, iface: Interface): boolean {
    return this.#speaking.get(iface)?.extra.take(nowMs) ?? false
  }

  /** How long it takes, at least, until one more that is not due may go out. */
  crowdedMs(nowMs: number, iface: Interface): number {
    return this.#speaking.get(iface)?.extra.waitMs(nowMs) ?? 0
  }

  #scheduled(nowMs: number, iface: Interface): void {
    const speaking = this.#speaking.get(iface)
    if (speaking === undefined) return
    speaking.turn = (speaking.turn + 1) % HELLOS_PER_IHU
    const heard = [...iface.neighbours.values()].filter(
      (neighbour) => neighbour.number % HELLOS_PER_IHU === speaking.turn || isMarginal(neighbour),
    )
    this.sendScheduled(nowMs, iface, heard)
    this.#onScheduled(nowMs, iface)
  }

  /**
   * A hello for all on an interface, with the promise of the next one: also ahead of time, as it may be (3.4.1).
   * @param heard who is told that it is heard
   */
  sendScheduled(
    nowMs: number,
    iface: Interface,
    heard: readonly Neighbour[],
    also: readonly OutgoingTlv[] = [],
  ): void {
    const speaking = this.#speaking.get(iface)
    if (speaking === undefined) return
    const { helloIntervalMs } = iface.parameters
    const early = EARLIEST + (1 - EARLIEST) * this.#world.random.next()
    this.#world.timers.set(speaking.timer, nowMs + helloIntervalMs * early)
    const rest = [...heard]
    this.#say(iface, helloIntervalMs, rest.splice(0, IHUS_PER_HELLO), rest.length === 0 ? also : [])
    while (rest.length > 0) {
      const some = rest.splice(0, IHUS_PER_HELLO)
      const last = rest.length === 0 ? also : []
      if (speaking.extra.take(nowMs)) this.#say(iface, 0, some, last)
      else this.#world.output.send(iface.name, undefined, [...some.map(ihuFor), ...last])
    }
  }

  /** A hello without a promise, and an IHU for one neighbour that may need both. Only the IHU where hellos are too many. */
  answer(nowMs: number, neighbour: Neighbour): void {
    if (this.mayHurry(nowMs, neighbour.iface)) this.#say(neighbour.iface, 0, [neighbour], [])
    else this.tell(neighbour, [])
  }

  /** Tells a neighbour, and only that one, what receiving from it costs, at once. */
  tell(neighbour: Neighbour, also: readonly OutgoingTlv[]): void {
    this.#world.output.send(neighbour.iface.name, neighbour.address, [ihuFor(neighbour), ...also])
  }

  #say(
    iface: Interface,
    intervalMs: number,
    heard: readonly Neighbour[],
    also: readonly OutgoingTlv[],
  ): void {
    const hello = {
      kind: 'hello',
      unicast: false,
      seqno: iface.helloSeqno,
      intervalMs: Math.min(intervalMs, MAX_INTERVAL_MS),
      stamped: true,
    } as const
    iface.helloSeqno = seqnoPlus(iface.helloSeqno, 1)
    this.#world.output.send(iface.name, undefined, [hello, ...heard.map(ihuFor), ...also])
  }
}

/** What a neighbour is told of the way from it (RFC 8966, 4.6.6). */
export function ihuFor(neighbour: Neighbour): Ihu {
  const { iface, address, rxcost, roundTrip } = neighbour
  neighbour.toldRxcost = rxcost
  const { echo } = roundTrip
  const intervalMs = Math.min(HELLOS_PER_IHU * iface.parameters.helloIntervalMs, MAX_INTERVAL_MS)
  return { kind: 'ihu', rxcost, intervalMs, address, ...(echo ? { echo } : {}) }
}

/** What a neighbour is told that we do not hear: it may hear us, and would find that out by itself only later (RFC 8966, 4.6.6). */
export function unheard({ parameters }: Interface, address: string): Ihu {
  const intervalMs = Math.min(HELLOS_PER_IHU * parameters.helloIntervalMs, MAX_INTERVAL_MS)
  return { kind: 'ihu', rxcost: INFINITY, intervalMs, address }
}

/** Whether an IHU may not have reached it, or it is to know what changed (RFC 8966, B). */
const isMarginal = (neighbour: Neighbour): boolean =>
  neighbour.missedHellos(HELLOS_PER_IHU) > 0 ||
  neighbour.txcost >= INFINITY ||
  neighbour.toldRxcost !== neighbour.rxcost
