import type { Clock } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'
import type { Processes } from '../../../platform/processes.ts'
import type { KernelEvents } from '../../kernel/kernel-events.ts'
import { KernelTimes } from './kernel-times.ts'

interface KernelLivenessInit {
  readonly processes: Pick<Processes, 'run'>
  readonly clock: Clock
  readonly log: Logger
  readonly events: Pick<KernelEvents, 'watch'>
  /** A neighbour to which there are, or were a moment ago, packets is to be asked; the kernel has in vain, since then. */
  readonly onSuspect: (iface: string, address: string, sinceMs: number) => void
  /** One that was suspected has answered the kernel. */
  readonly onAlive: (iface: string, address: string) => void
}

interface Watched {
  readonly times: KernelTimes
  rttMs: number
  readonly neighbours: Map<string, WatchedNeighbour>
}

interface WatchedNeighbour {
  /** How long its answers to the kernel take: the longest lately, and the longest of the last few. */
  slowestMs: number
  usualMs: number
  answeredMs: number
  /** Since when the kernel asks it. */
  askedMs: number | undefined
  failedMs: number | undefined
  isSuspected: boolean
  /** What is to be done if the kernel says nothing more of it. */
  waiting: Disposable | undefined
  /** When we last sent something to it alone, and when it was asked after packets had ended. */
  spokenToMs: number
  followedUpMs: number
}

/** Who answers again so soon after the kernel gave it up was there all the time. */
const FALSE_ALARM_MS = 1_000
/** Whoever answers later than that was not slow: it could not be reached meanwhile. */
const OUTAGE_MS = 1_000
/** The kernel's first question has had no answer for so long, on a quick link; on a slow one, at most. */
const UNANSWERED_MS = { quick: 40, slow: 300 } as const
/** Of the time that answers usually take. */
const UNANSWERED_SHARE = 1.5
/**
 * As long as the kernel asks in vain: others may have had an answer, but what the kernel asks is lost in a full queue, and it
 * says nothing more before it gives up. Twice as long each time: all that is asked has one limit.
 */
const AGAIN_MS = 200
/** On a link that is used, the next packet, and with it the kernel's question, comes before that. */
const UNUSED_MS = 30
/** Running so much later than planned means that we were stopped, or busy; to read what came meanwhile takes no longer than that. */
const LATE_MS = 20
const MAX_READING_MS = 200
/** What we ourselves have sent is no use, nor is what the answer leads to. */
const OWN_PACKETS_MS = 1_000
/** A link that is used now and then is asked each time, but no more often. */
const FOLLOW_UP_MS = 2_000
/** With each answer, so much remains of the slowest one, and of what is usual. */
const REMAINS = { slowest: 0.95, usual: 0.8 } as const
/** After so long without an answer nobody knows what is usual now. */
const USUAL_MS = 10_000
/** Clients of a server come and go. */
const MAX_REMEMBERED = 1_024

/**
 * Notices neighbours on tunnels that do not answer while packets are sent to them: by the kernel's own detection, which asks
 * nothing on an idle link and which every IPv6 host answers. Its times are those of the interface, and end with it.
 *
 *     packets: reachable ─► stale ─► probe ─┬─► reachable …
 *                                           └─► (nothing for a moment) suspected ─► (each moment, again) ─► failed
 *     packets end: reachable ─► stale ─► (nothing for a moment) asked once: perhaps they do not arrive any more
 */
export class KernelLiveness implements Disposable {
  readonly #init: KernelLivenessInit
  readonly #watched = new Map<string, Watched>()
  readonly #watching: Disposable

  constructor(init: KernelLivenessInit) {
    this.#init = init
    this.#watching = init.events.watch((news) => {
      if (news.kind !== 'neighbour' || !news.address.startsWith('fe80:')) return
      const watched = this.#watched.get(news.iface)
      if (!watched) return
      const { iface, address } = news
      switch (news.state) {
        case 'probe':
          return this.#asked(watched, iface, address)
        case 'reachable':
          return this.#answered(watched, iface, address)
        case 'stale':
          return this.#unsure(watched, iface, address)
        case 'failed':
          return this.#failed(watched, iface, address)
        case 'other':
          return
      }
    })
  }

  /** A tunnel that is up. Not a LAN: its times are not ours to set. */
  add(iface: string): void {
    const before = this.#watched.get(iface)
    if (before) stopWaiting(before)
    const times = new KernelTimes({ ...this.#init, iface }, before?.times.falseAlarms)
    this.#watched.set(iface, { times, rttMs: 0, neighbours: new Map() })
    this.#adapt(iface)
  }

  remove(iface: string): void {
    const watched = this.#watched.get(iface)
    if (watched) stopWaiting(watched)
    this.#watched.delete(iface)
  }

  /** The longest round-trip time of the neighbours on an interface. */
  setRtt(iface: string, rttMs: number | undefined): void {
    const watched = this.#watched.get(iface)
    if (!watched) return
    watched.rttMs = rttMs ?? 0
    this.#adapt(iface)
  }

  /** We have sent something to one neighbour. */
  spokeTo(iface: string, address: string): void {
    const watched = this.#watched.get(iface)
    if (!watched) return
    const { neighbours } = watched
    // Who has as many addresses as he likes takes nobody's place by that.
    if (neighbours.has(address) || neighbours.size < MAX_REMEMBERED)
      neighbourOf(watched, address).spokenToMs = this.#nowMs()
  }

  /** How long its answers to the kernel took, if it was asked lately. */
  usualAnswerMs(iface: string, address: string): number | undefined {
    const neighbour = this.#watched.get(iface)?.neighbours.get(address)
    return neighbour && usualOf(neighbour, this.#nowMs())
  }

  #asked(watched: Watched, iface: string, address: string): void {
    const neighbour = neighbourOf(watched, address)
    const askedMs = this.#nowMs()
    neighbour.askedMs = askedMs
    const usualMs = usualOf(neighbour, askedMs)
    const lateMs = Math.min(UNANSWERED_MS.slow, UNANSWERED_SHARE * (usualMs ?? watched.rttMs))
    const suspect = (sinceMs: number, againMs: number) => {
      neighbour.isSuspected = true
      this.#init.onSuspect(iface, address, sinceMs)
      const nowMs = this.#nowMs()
      if (nowMs < askedMs + watched.times.patienceMs)
        this.#wait(neighbour, againMs, () => suspect(this.#nowMs(), 2 * againMs))
    }
    this.#wait(neighbour, Math.max(UNANSWERED_MS.quick, lateMs), () => suspect(askedMs, AGAIN_MS))
  }

  #answered(watched: Watched, iface: string, address: string): void {
    const neighbour = neighbourOf(watched, address)
    // Behind those that have not answered for longer.
    watched.neighbours.delete(address)
    watched.neighbours.set(address, neighbour)
    neighbour.waiting?.[Symbol.dispose]()
    const { askedMs, failedMs, isSuspected } = neighbour
    const nowMs = this.#nowMs()
    const tookMs = askedMs === undefined ? undefined : nowMs - askedMs
    neighbour.askedMs = undefined
    neighbour.failedMs = undefined
    neighbour.isSuspected = false
    if (tookMs !== undefined && tookMs <= OUTAGE_MS) {
      neighbour.slowestMs = Math.max(tookMs, neighbour.slowestMs * REMAINS.slowest)
      neighbour.usualMs = Math.max(tookMs, (usualOf(neighbour, nowMs) ?? 0) * REMAINS.usual)
      neighbour.answeredMs = nowMs
    }
    if (isSuspected) this.#init.onAlive(iface, address)
    if (failedMs !== undefined && nowMs < failedMs + FALSE_ALARM_MS) watched.times.falseAlarm(nowMs)
    this.#adapt(iface)
  }

  /** Whoever sends to it asks it soon. If nobody does, it was used until now, and what comes back should be on its way. */
  #unsure(watched: Watched, iface: string, address: string): void {
    const neighbour = watched.neighbours.get(address)
    if (!neighbour) return
    this.#wait(neighbour, UNUSED_MS, () => {
      const nowMs = this.#nowMs()
      if (nowMs < neighbour.spokenToMs + OWN_PACKETS_MS || nowMs < neighbour.followedUpMs + FOLLOW_UP_MS)
        return
      neighbour.followedUpMs = nowMs
      neighbour.isSuspected = true
      this.#init.onSuspect(iface, address, nowMs)
    })
  }

  #failed(watched: Watched, iface: string, address: string): void {
    const neighbour = neighbourOf(watched, address)
    neighbour.waiting?.[Symbol.dispose]()
    const nowMs = this.#nowMs()
    const sinceMs = neighbour.askedMs ?? nowMs
    neighbour.failedMs = nowMs
    neighbour.isSuspected = true
    this.#init.onSuspect(iface, address, sinceMs)
    neighbour.askedMs = undefined
  }

  #wait(neighbour: WatchedNeighbour, ms: number, action: () => void): void {
    neighbour.waiting?.[Symbol.dispose]()
    const { clock } = this.#init
    const dueMs = this.#nowMs() + ms
    neighbour.waiting = clock.after(ms, () => {
      const lateMs = this.#nowMs() - dueMs
      // We did not run: the answer may be there, and not be read yet.
      if (lateMs > LATE_MS) neighbour.waiting = clock.after(Math.min(lateMs, MAX_READING_MS), action)
      else action()
    })
  }

  #adapt(iface: string): void {
    const watched = this.#watched.get(iface)
    if (!watched) return
    let slowestMs = watched.rttMs
    // With each answer of each of a thousand clients.
    for (const neighbour of watched.neighbours.values()) slowestMs = Math.max(slowestMs, neighbour.slowestMs)
    watched.times.adapt(this.#nowMs(), slowestMs)
  }

  #nowMs(): number {
    return this.#init.clock.monotonicMs()
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]()
    for (const watched of this.#watched.values()) stopWaiting(watched)
    this.#watched.clear()
  }
}

const usualOf = ({ usualMs, answeredMs }: WatchedNeighbour, nowMs: number): number | undefined =>
  nowMs < answeredMs + USUAL_MS ? usualMs : undefined

function neighbourOf({ neighbours }: Watched, address: string): WatchedNeighbour {
  let neighbour = neighbours.get(address)
  if (!neighbour) {
    if (neighbours.size >= MAX_REMEMBERED) forgetOne(neighbours)
    neighbour = {
      slowestMs: 0,
      usualMs: 0,
      answeredMs: Number.NEGATIVE_INFINITY,
      askedMs: undefined,
      failedMs: undefined,
      isSuspected: false,
      waiting: undefined,
      spokenToMs: Number.NEGATIVE_INFINITY,
      followedUpMs: Number.NEGATIVE_INFINITY,
    }
    neighbours.set(address, neighbour)
  }
  return neighbour
}

/** The one that was there least lately, and whom the kernel is not asking now. */
function forgetOne(neighbours: Watched['neighbours']): void {
  let [forgotten] = neighbours.keys()
  for (const [address, { askedMs }] of neighbours) {
    if (askedMs !== undefined) continue
    forgotten = address
    break
  }
  if (forgotten === undefined) return
  neighbours.get(forgotten)?.waiting?.[Symbol.dispose]()
  neighbours.delete(forgotten)
}

function stopWaiting({ neighbours }: Watched): void {
  for (const { waiting } of neighbours.values()) waiting?.[Symbol.dispose]()
}
