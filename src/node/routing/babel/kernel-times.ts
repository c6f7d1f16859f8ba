import { messageOf } from '../../../core/errors.ts'
import { GrowingDelay } from '../../../core/growing-delay.ts'
import { readNeighbourStates } from '../../../core/kernel/neighbour-states.ts'
import { type DetectionTimes, detectionTimes } from '../../../core/kernel/unreachability.ts'
import { inBackground } from '../../../platform/background.ts'
import type { Logger } from '../../../platform/log.ts'
import type { Processes } from '../../../platform/processes.ts'

interface KernelTimesInit {
  readonly processes: Pick<Processes, 'run'>
  readonly log: Logger
  readonly iface: string
}

/** False alarms on an interface, of which is to be known when it is opened anew. */
export interface FalseAlarms {
  readonly count: number
  readonly lastMs: number
}

const NO_ALARMS: FalseAlarms = { count: 0, lastMs: 0 }
const MAX_FALSE_ALARMS = 4
/** After so long without another, what was false is forgotten. */
const FORGIVEN_MS = 600_000
/**
 * The kernel gets shorter times only after a while, which is longer each time that it was too early: setting them takes a
 * process, and on a busy machine answers are slow now and then.
 */
const SHORTER_AFTER_MS = { least: 30_000, most: 600_000 } as const
/** The kernel's own patience, where ours was not set: three questions, a second apart (RFC 4861, 10). */
const KERNELS_PATIENCE_MS = 3_000
/** Where they could not be set: for want of memory, which passes; or for good, in a container that may not. */
const AGAIN_AFTER = { minMs: 2_000, maxMs: 600_000 } as const

/** The times of the kernel's own detection on one interface: they follow what answers take there, and end with it. */
export class KernelTimes {
  readonly #init: KernelTimesInit
  #alarms: FalseAlarms
  #set: DetectionTimes | undefined
  /** When they were set, or could not be. */
  #setMs = 0
  /** How long the times stay before shorter ones are set, and whether those that are set were shorter than the ones before. */
  #shorterAfterMs: number = SHORTER_AFTER_MS.least
  #areShorter = false
  readonly #againAfter = new GrowingDelay(AGAIN_AFTER)
  /** How long nothing is tried after it has failed. */
  #pauseMs = 0

  constructor(init: KernelTimesInit, alarms = NO_ALARMS) {
    this.#init = init
    this.#alarms = alarms
  }

  get falseAlarms(): FalseAlarms {
    return this.#alarms
  }

  /** For how long the kernel asks before it gives a neighbour up. */
  get patienceMs(): number {
    return this.#set ? patienceMs(this.#set) : KERNELS_PATIENCE_MS
  }

  /** Whoever the kernel gave up was there all the time. */
  falseAlarm(nowMs: number): void {
    this.#alarms = { count: Math.min(this.#alarms.count + 1, MAX_FALSE_ALARMS), lastMs: nowMs }
  }

  /** Sets other times where they are due. @param answerMs how long an answer may take, the longest on the interface */
  adapt(nowMs: number, answerMs: number): void {
    if (nowMs > this.#alarms.lastMs + FORGIVEN_MS) this.#alarms = NO_ALARMS
    if (this.#pauseMs > 0 && nowMs < this.#setMs + this.#pauseMs) return
    const times = detectionTimes(answerMs, this.#alarms.count)
    const before = this.#set
    const isSame = before?.retransMs === times.retransMs && before.unicastProbes === times.unicastProbes
    if (isSame) return
    const areShorter = before !== undefined && patienceMs(times) < patienceMs(before)
    const isSoon = nowMs < this.#setMs + this.#shorterAfterMs
    if (areShorter && isSoon) return
    if (this.#areShorter && !areShorter)
      this.#shorterAfterMs = isSoon
        ? Math.min(2 * this.#shorterAfterMs, SHORTER_AFTER_MS.most)
        : SHORTER_AFTER_MS.least
    this.#areShorter = areShorter
    this.#set = times
    this.#setMs = nowMs
    const { log, iface } = this.#init
    inBackground(log, `setting times of ${iface}`, this.#apply(times, before))
  }

  async #apply(
    { baseReachableMs, delayProbeMs, retransMs, unicastProbes }: DetectionTimes,
    before: DetectionTimes | undefined,
  ): Promise<void> {
    const { processes, log, iface } = this.#init
    const values = {
      base_reachable: baseReachableMs,
      retrans: retransMs,
      delay_probe: delayProbeMs,
      ucast_probes: unicastProbes,
    }
    const words = Object.entries(values).flatMap(([name, value]) => [name, String(value)])
    try {
      await processes.run('ip', ['ntable', 'change', 'name', 'ndisc_cache', 'dev', iface, ...words])
      this.#againAfter.reset()
      this.#pauseMs = 0
      if (before === undefined) await this.#lookAgain()
    } catch (error) {
      // It went away; or a container may not set them: then its hellos are missed, later.
      this.#pauseMs = this.#againAfter.take()
      this.#set = before
      log.debug(
        { iface, reason: messageOf(error) },
        'the kernel watches neighbours here no better than usual',
      )
    }
  }

  /**
   * Whoever was reachable before its times were set would go on counting as such as long as it did then, half a minute; whoever
   * was about to be asked, also because the kernel alone has answered it, would be five seconds later.
   */
  async #lookAgain(): Promise<void> {
    const { processes, log, iface } = this.#init
    const { stdout } = await processes.run('ip', ['-j', '-6', 'neigh', 'show', 'dev', iface])
    const known = readNeighbourStates(stdout)
    if (!known.ok)
      return log.debug({ iface, reason: known.reason }, 'neighbours of the kernel cannot be read')
    for (const { address } of known.value.filter(({ hasLinkLayerAddress }) => hasLinkLayerAddress))
      try {
        await processes.run('ip', ['neigh', 'change', 'to', address, 'dev', iface, 'nud', 'stale'])
      } catch (error) {
        log.debug({ iface, address, reason: messageOf(error) }, 'no neighbour of the kernel any more')
      }
  }
}

const patienceMs = ({ retransMs, unicastProbes }: DetectionTimes): number => retransMs * unicastProbes
