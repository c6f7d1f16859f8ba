import { BABEL_PORT } from '../../../core/babel/wire/numbers.ts'
import { messageOf } from '../../../core/errors.ts'
import { GrowingDelay } from '../../../core/growing-delay.ts'
import { Pacing, type TapCounters } from '../../../core/kernel/pacing.ts'
import { inBackground } from '../../../platform/background.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'
import type { Processes } from '../../../platform/processes.ts'

interface TapPacingInit {
  readonly processes: Pick<Processes, 'run'>
  readonly clock: Clock
  readonly log: Logger
  /** What the kernel counts; undefined: the interface is gone. */
  readonly countersOf: (iface: string) => TapCounters | undefined
  /** How many packets the queue of a tap holds. */
  readonly queueLengthOf: (iface: string) => number | undefined
}

interface Paced {
  readonly pacing: Pacing
  readonly looking: Disposable
  isPaced: boolean
  /** How long its own queue was before. */
  readonly queueLength: number | undefined
  /** A command that has not ended yet. */
  isBusy: boolean
  /** How often in a row its queue could not be changed, and when that is tried again. */
  failures: number
  notBeforeMs: number
  readonly againAfter: GrowingDelay
}

const LOOK_MS = 100
/** A machine without memory for a process has some again; a queue that is still not to be changed then is not ours any more. */
const AGAIN_DELAYS = { minMs: 1_000, maxMs: 60_000 }
const MOST_FAILURES = 10
/** Where none could be made: because of that too, or for good, as there is somebody else's, or the kernel knows none. */
const SET_UP_AGAIN_DELAYS = { minMs: 2_000, maxMs: 600_000 }
/** Of a tap that is paced, in packets: what is too much is seen at once, and a server over TCP is deaf for no longer than that. */
const SHORT_QUEUE = 100
/** More than any tunnel carries. */
const UNLIMITED = 'rate 10gbit'
/** A class sends so many bytes before it is another's turn: a packet of any tap, and no more. */
const QUANTUM = 'quantum 2000'
/** What may leave at once. */
const BURST_MS = 4
const MIN_BURST_BYTES = 4_000
const IPV6_HEADER_BYTES = 40
/** Types of ICMPv6 (RFC 4861, 4): by these the kernel knows that a neighbour is alive. */
const NEIGHBOUR_DISCOVERY = [135, 136]

/**
 * Keeps the queues of taps from being full. A tap holds nobody up who sends: what its OpenVPN does not take in time is lost,
 * whatever it is. Worse, a server over TCP reads nothing that its clients send as long as there is more in the queue of its
 * tap, so that whoever sends more through it than it can encrypt cuts all of its clients off. So, where packets are lost, a queue
 * with priorities comes in front of that, out of which a little less is let than OpenVPN took: there routing and neighbour
 * discovery overtake all else.
 */
export class TapPacing implements Disposable {
  readonly #init: TapPacingInit
  readonly #taps = new Map<string, Paced>()
  /** Where no queue could be made: until when none is tried. */
  readonly #left = new Map<string, { readonly againAfter: GrowingDelay; untilMs: number }>()
  /** Taps that are not looked at any more, whose queues are still to go. */
  readonly #forgotten = new Map<Paced, Disposable>()
  #isStopped = false

  constructor(init: TapPacingInit) {
    this.#init = init
  }

  /** It may be full: its counters are looked at for a while. */
  watch(iface: string): void {
    if (this.#taps.has(iface) || this.#isLeft(iface)) return
    const pacing = new Pacing()
    const tap: Paced = {
      pacing,
      looking: this.#init.clock.every(LOOK_MS, () => this.#look(iface, tap)),
      isPaced: false,
      queueLength: this.#init.queueLengthOf(iface),
      isBusy: false,
      ...{ failures: 0, notBeforeMs: 0, againAfter: new GrowingDelay(AGAIN_DELAYS) },
    }
    this.#taps.set(iface, tap)
    this.#look(iface, tap)
  }

  /** Whether routing overtakes what waits there: hardly anything of it is lost, however much else is. */
  isPaced(iface: string): boolean {
    return this.#taps.get(iface)?.isPaced ?? false
  }

  /** It is gone, and its queue with it; or it was down for a moment, and nobody would let its packets out any more. */
  forget(iface: string): void {
    const tap = this.#taps.get(iface)
    this.#lookNoMore(iface)
    this.#left.delete(iface)
    if (tap?.isPaced && !tap.isBusy) this.#release(iface, tap)
  }

  #isLeft(iface: string): boolean {
    const left = this.#left.get(iface)
    return left !== undefined && this.#init.clock.monotonicMs() < left.untilMs
  }

  #leave(iface: string): void {
    const { againAfter } = this.#left.get(iface) ?? { againAfter: new GrowingDelay(SET_UP_AGAIN_DELAYS) }
    this.#left.set(iface, { againAfter, untilMs: this.#init.clock.monotonicMs() + againAfter.take() })
  }

  #lookNoMore(iface: string): void {
    this.#taps.get(iface)?.looking[Symbol.dispose]()
    this.#taps.delete(iface)
  }

  #look(iface: string, tap: Paced): void {
    const { clock, log, countersOf } = this.#init
    if (tap.isBusy || clock.monotonicMs() < tap.notBeforeMs) return
    const counters = countersOf(iface)
    if (counters === undefined) return this.forget(iface)
    const step = tap.pacing.look(clock.monotonicMs(), counters)
    switch (step.kind) {
      case 'look':
        return
      case 'end':
        return tap.isPaced ? this.#release(iface, tap) : this.#lookNoMore(iface)
      case 'pace': {
        const commands = tap.isPaced ? [] : firstCommands(iface)
        commands.push(limitCommand(iface, step.bytesPerSecond))
        if (!tap.isPaced)
          log.debug({ iface, bytesPerSecond: step.bytesPerSecond }, 'more is sent than the tunnel carries')
        return this.#apply(iface, tap, commands, true)
      }
      case 'release':
        return this.#release(iface, tap)
    }
  }

  #release(iface: string, tap: Paced): void {
    if (this.#init.countersOf(iface) !== undefined) this.#apply(iface, tap, [endCommand(iface)], false)
  }

  #apply(iface: string, tap: Paced, commands: readonly string[], isPaced: boolean): void {
    const { processes, log } = this.#init
    tap.isBusy = true
    const applied = async () => {
      try {
        await processes.run('tc', ['-batch', '-'], { input: `${commands.join('\n')}\n` })
        const isOther = tap.isPaced !== isPaced
        tap.isPaced = isPaced
        if (isOther && tap.queueLength !== undefined) {
          // After the queue in front of it, which takes its length from there.
          const packets = isPaced ? Math.min(SHORT_QUEUE, tap.queueLength) : tap.queueLength
          await processes.run('ip', ['link', 'set', 'dev', iface, 'txqueuelen', String(packets)])
        }
        tap.failures = 0
        tap.againAfter.reset()
        this.#left.delete(iface)
      } catch (error) {
        if (!tap.isPaced) await this.#removeRest(iface)
        this.#failed(iface, tap, messageOf(error))
      } finally {
        tap.isBusy = false
        if (tap.isPaced && this.#taps.get(iface) !== tap) this.#releaseForgotten(iface, tap)
      }
    }
    inBackground(log, `the queue of ${iface}`, applied())
  }

  /** Of a queue that could not be made as a whole: the next one would be refused beside it. */
  async #removeRest(iface: string): Promise<void> {
    try {
      await this.#init.processes.run('tc', ['-batch', '-'], { input: `${endCommand(iface)}\n` })
    } catch {
      // There was nothing, or somebody else's; what stays holds nothing up, and goes the next time.
    }
  }

  #failed(iface: string, tap: Paced, reason: string): void {
    const { clock, log } = this.#init
    // Its queue is ours, and would hold it up for ever if it stayed as it is.
    if (tap.isPaced && tap.failures < MOST_FAILURES) {
      tap.failures++
      tap.notBeforeMs = clock.monotonicMs() + tap.againAfter.take()
      return log.debug({ iface, reason }, 'the queue in front of this tunnel cannot be changed now')
    }
    tap.isPaced = false
    if (this.#taps.get(iface) !== tap) return
    this.#lookNoMore(iface)
    this.#leave(iface)
    log.debug({ iface, reason }, 'what this tunnel cannot carry is lost in its queue')
  }

  /** It was forgotten while its queue was changed, or that failed. */
  #releaseForgotten(iface: string, tap: Paced): void {
    if (this.#isStopped) return
    const { clock } = this.#init
    const waitMs = Math.max(0, tap.notBeforeMs - clock.monotonicMs())
    const timer = clock.after(waitMs, () => {
      this.#forgotten.delete(tap)
      // Another one of its name has a queue of its own, or will have.
      const current = this.#taps.get(iface)
      if (!current?.isPaced && !current?.isBusy) this.#release(iface, tap)
    })
    this.#forgotten.set(tap, timer)
  }

  [Symbol.dispose](): void {
    this.#isStopped = true
    for (const timer of this.#forgotten.values()) timer[Symbol.dispose]()
    this.#forgotten.clear()
    for (const { looking } of this.#taps.values()) looking[Symbol.dispose]()
    this.#taps.clear()
  }
}

/** Nobody else's: by it, ours is known. */
const HANDLE = '326:'

const endCommand = (iface: string): string => `qdisc del dev ${iface} root handle ${HANDLE}`

/** The first one is refused where somebody has set up a queue of their own. */
function firstCommands(iface: string): string[] {
  const filter = (priority: number, protocol: string, match: string) =>
    `filter add dev ${iface} parent ${HANDLE} protocol ${protocol} prio ${priority} u32 match ${match} flowid ${HANDLE}1`
  return [
    `qdisc add dev ${iface} root handle ${HANDLE} htb default 2`,
    `class add dev ${iface} parent ${HANDLE} classid ${HANDLE}1 htb ${UNLIMITED} burst 64k cburst 64k ${QUANTUM} prio 0`,
    filter(1, 'ipv6', `ip6 protocol 17 0xff match ip6 dport ${BABEL_PORT} 0xffff`),
    ...NEIGHBOUR_DISCOVERY.map((type) =>
      filter(1, 'ipv6', `ip6 protocol 58 0xff match u8 ${type} 0xff at ${IPV6_HEADER_BYTES}`),
    ),
    filter(2, 'arp', 'u32 0 0'),
  ]
}

function limitCommand(iface: string, bytesPerSecond: number): string {
  const burst = Math.max(MIN_BURST_BYTES, Math.round((bytesPerSecond * BURST_MS) / 1000))
  return `class replace dev ${iface} parent ${HANDLE} classid ${HANDLE}2 htb rate ${bytesPerSecond * 8}bit burst ${burst}b cburst ${burst}b ${QUANTUM} prio 1`
}
