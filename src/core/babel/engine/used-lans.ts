import { TokenBucket } from '../../token-bucket.ts'
import { INFINITY } from '../metric.ts'
import type { Interface, Neighbour } from './model.ts'
import { Timer } from './timers.ts'
import type { World } from './world.ts'

/** How often it is looked whether packets leave, where they did when it was looked before, and where they did not. */
const LOOK_MS = { used: 200, unused: 500 } as const
/** Where many neighbours are the next hop to something, they take turns. */
const QUESTIONS = { perSecond: 20, burst: 20 } as const

interface Lan {
  readonly timer: Timer
  /** How many packets of others than us had left when it was looked before. */
  sent: number | undefined
}

/** Who asks. */
interface Questioner {
  /** Looks whether a neighbour is alive. */
  check(nowMs: number, neighbour: Neighbour): void
}

/**
 * Asks those neighbours on LANs whether they are alive over which packets go: there, the times of the kernel's own detection are
 * the machine's, and not ours to set. That packets go is seen by the kernel's counters, without our own, so that questions and
 * answers never lead to others. To whom they go cannot be seen: all are asked that are the next hop to something. One question
 * for a look where packets have left since the one before: on a link that is used little, little is asked, on an idle one nothing.
 */
export class UsedLans {
  readonly #world: World
  readonly #questioner: Questioner
  readonly #lans = new Map<Interface, Lan>()
  readonly #askedMs = new WeakMap<Neighbour, number>()
  readonly #limit = new TokenBucket(QUESTIONS.perSecond, QUESTIONS.burst)

  constructor(world: World, questioner: Questioner) {
    this.#world = world
    this.#questioner = questioner
  }

  /** A neighbour is there: from now on it is looked whether its LAN is used. */
  appeared(nowMs: number, { iface }: Neighbour): void {
    if (iface.kind !== 'lan' || this.#lans.has(iface)) return
    const lan: Lan = { timer: new Timer((laterMs) => this.#look(laterMs, iface, lan)), sent: undefined }
    this.#lans.set(iface, lan)
    this.#world.timers.set(lan.timer, nowMs + LOOK_MS.unused)
  }

  /** The interface is gone. */
  forgetInterface(iface: Interface): void {
    const lan = this.#lans.get(iface)
    if (lan) this.#world.timers.clear(lan.timer)
    this.#lans.delete(iface)
  }

  #look(nowMs: number, iface: Interface, lan: Lan): void {
    const { timers, sentByOthers, isRetracting } = this.#world
    if (iface.neighbours.size === 0 || isRetracting) return this.forgetInterface(iface)
    const before = lan.sent
    lan.sent = sentByOthers(iface.name)
    const isUsed = before !== undefined && lan.sent !== undefined && lan.sent > before
    timers.set(lan.timer, nowMs + (isUsed ? LOOK_MS.used : LOOK_MS.unused))
    if (isUsed) this.#ask(nowMs, iface)
  }

  /** Whoever was not asked for the longest time first. */
  #ask(nowMs: number, { neighbours }: Interface): void {
    const inUse = [...neighbours.values()].filter(
      ({ routesInUse, cost }) => routesInUse > 0 && cost < INFINITY,
    )
    inUse.sort((one, other) => this.#askedAt(one) - this.#askedAt(other))
    for (const neighbour of inUse) {
      if (!this.#limit.take(nowMs)) return
      this.#askedMs.set(neighbour, nowMs)
      this.#questioner.check(nowMs, neighbour)
    }
  }

  #askedAt(neighbour: Neighbour): number {
    return this.#askedMs.get(neighbour) ?? Number.NEGATIVE_INFINITY
  }
}
