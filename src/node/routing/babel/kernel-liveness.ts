import { messageOf } from '../../../core/errors.ts'
import { type DetectionTimes, detectionTimes, UNICAST_PROBES } from '../../../core/kernel/unreachability.ts'
import { inBackground } from '../../../platform/background.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'
import type { Processes } from '../../../platform/processes.ts'
import type { KernelEvents } from '../../kernel/kernel-events.ts'

interface KernelLivenessInit {
  readonly processes: Pick<Processes, 'run'>
  readonly clock: Clock
  readonly log: Logger
  readonly events: Pick<KernelEvents, 'watch'>
  /** The kernel has packets for a neighbour that does not answer it. */
  readonly onSuspect: (iface: string, address: string) => void
  /** One that it suspected has answered. */
  readonly onAlive: (iface: string, address: string) => void
}

interface Watched {
  falseAlarms: number
  set: DetectionTimes | undefined
  rttMs: number | undefined
}

/** Who answers again so soon was there all the time. */
const FALSE_ALARM_MS = 10_000
const MAX_FALSE_ALARMS = 4

/**
 * Notices neighbours on tunnels that do not answer while packets are sent to them: by the kernel's own detection, which asks
 * nothing on an idle link and which every IPv6 host answers. Its times are those of the interface, and end with it.
 */
export class KernelLiveness implements Disposable {
  readonly #init: KernelLivenessInit
  readonly #watched = new Map<string, Watched>()
  /** When neighbours failed. */
  readonly #failedMs = new Map<string, number>()
  readonly #watching: Disposable

  constructor(init: KernelLivenessInit) {
    this.#init = init
    this.#watching = init.events.watch((news) => {
      if (news.kind !== 'neighbour' || !this.#watched.has(news.iface)) return
      const { iface, address, state } = news
      if (!address.startsWith('fe80:')) return
      if (state === 'failed') this.#failed(iface, address)
      else if (state === 'reachable') this.#answered(iface, address)
    })
  }

  /** A tunnel that is up. Not a LAN: its times are not ours to set. */
  add(iface: string): void {
    const before = this.#watched.get(iface)
    this.#watched.set(iface, { falseAlarms: before?.falseAlarms ?? 0, set: undefined, rttMs: undefined })
    this.#adapt(iface)
  }

  remove(iface: string): void {
    this.#watched.delete(iface)
    for (const key of this.#failedMs.keys()) if (key.endsWith(`%${iface}`)) this.#failedMs.delete(key)
  }

  /** The longest round-trip time of the neighbours on an interface. */
  setRtt(iface: string, rttMs: number | undefined): void {
    const watched = this.#watched.get(iface)
    if (!watched) return
    watched.rttMs = rttMs
    this.#adapt(iface)
  }

  #failed(iface: string, address: string): void {
    this.#failedMs.set(`${address}%${iface}`, this.#init.clock.monotonicMs())
    this.#init.onSuspect(iface, address)
  }

  #answered(iface: string, address: string): void {
    const failedMs = this.#failedMs.get(`${address}%${iface}`)
    if (failedMs === undefined) return
    this.#failedMs.delete(`${address}%${iface}`)
    this.#init.onAlive(iface, address)
    const watched = this.#watched.get(iface)
    if (!watched || this.#init.clock.monotonicMs() - failedMs > FALSE_ALARM_MS) return
    watched.falseAlarms = Math.min(watched.falseAlarms + 1, MAX_FALSE_ALARMS)
    this.#adapt(iface)
  }

  #adapt(iface: string): void {
    const watched = this.#watched.get(iface)
    if (!watched) return
    const times = detectionTimes(watched.rttMs, watched.falseAlarms)
    if (times.retransMs === watched.set?.retransMs) return
    watched.set = times
    inBackground(this.#init.log, `setting times of ${iface}`, this.#apply(iface, times))
  }

  async #apply(iface: string, { baseReachableMs, delayProbeMs, retransMs }: DetectionTimes): Promise<void> {
    const { processes, log } = this.#init
    const values = {
      base_reachable: baseReachableMs,
      retrans: retransMs,
      delay_probe: delayProbeMs,
      ucast_probes: UNICAST_PROBES,
    }
    const words = Object.entries(values).flatMap(([name, value]) => [name, String(value)])
    try {
      await processes.run('ip', ['ntable', 'change', 'name', 'ndisc_cache', 'dev', iface, ...words])
    } catch (error) {
      // It went away; or a container may not set them: then its hellos are missed, later.
      log.debug(
        { iface, reason: messageOf(error) },
        'the kernel watches neighbours here no better than usual',
      )
    }
  }

  [Symbol.dispose](): void {
    this.#watching[Symbol.dispose]()
    this.#watched.clear()
  }
}
