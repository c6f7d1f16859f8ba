import { type GreetingStep, greet, NEW_GREETING } from '../../../core/babeld/greeting.ts'
import type { Intervals } from '../../../core/babeld/intervals.ts'
import { NEWEST_HELLO, type NeighbourEntry } from '../../../core/babeld/socket-line.ts'
import type { BabelTables } from '../../../core/babeld/tables.ts'
import { messageOf } from '../../../core/errors.ts'
import { inBackground } from '../../../platform/background.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'

interface GreeterInit {
  readonly iface: string
  readonly clock: Clock
  readonly log: Logger
  readonly tables: BabelTables
  readonly configured: Intervals
  /** Lets the link come up again, with intervals for the time of asking or the configured ones. */
  readonly renew: (step: 'ask' | 'settle') => Promise<void>
}

/** Brings one new tunnel into use: does what `greet` decides. */
export class Greeter implements Disposable {
  readonly #init: GreeterInit
  /** Neighbours of an earlier tunnel of the same name, as they were: babeld keeps them until it misses their hellos. */
  readonly #earlier: ReadonlyMap<string, NeighbourEntry>
  #greeting = NEW_GREETING
  #timer: Disposable | undefined
  #busy = false
  #over = false

  constructor(init: GreeterInit) {
    this.#init = init
    this.#earlier = new Map(neighboursOf(init).map((neighbour) => [neighbour.id, neighbour]))
  }

  /** To be called when something about the interface or its neighbours changed. */
  look(): void {
    if (this.#busy || this.#over) return
    const { clock, tables, iface, configured } = this.#init
    const view = {
      up: tables.interface(iface)?.up === true,
      neighbours: neighboursOf(this.#init).filter((neighbour) => isHeard(neighbour, this.#earlier)),
      routes: tables.routes.some((route) => route.iface === iface),
    }
    const nowMs = clock.monotonicMs()
    const { greeting, step } = greet(this.#greeting, view, nowMs, configured)
    this.#greeting = greeting
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    if (step.kind !== 'wait') inBackground(this.#init.log, `greeting on ${iface}`, this.#take(step.kind))
    else if (step.untilMs !== undefined)
      this.#timer = clock.after(Math.max(1, step.untilMs - nowMs), () => this.look())
  }

  async #take(step: Exclude<GreetingStep['kind'], 'wait'>): Promise<void> {
    const { iface, log, renew } = this.#init
    this.#busy = true
    log.trace({ iface }, `greeting: ${step}`)
    try {
      await renew(step)
    } catch (error) {
      // The interface went away: whoever took it away says so to the router too.
      log.debug({ iface, reason: messageOf(error) }, 'cannot greet on this link')
    }
    this.#busy = false
    if (step === 'settle') this[Symbol.dispose]()
    this.look()
  }

  [Symbol.dispose](): void {
    this.#over = true
    this.#timer?.[Symbol.dispose]()
  }
}

const neighboursOf = ({ tables, iface }: GreeterInit): readonly NeighbourEntry[] =>
  tables.neighbours.filter((neighbour) => neighbour.iface === iface)

/** Whether a neighbour was heard in this greeting: it is new, or its newest hello came since. */
function isHeard(neighbour: NeighbourEntry, earlier: ReadonlyMap<string, NeighbourEntry>): boolean {
  const before = earlier.get(neighbour.id)
  if (before === undefined) return true
  const changed = before.reach !== neighbour.reach || before.rttMs !== neighbour.rttMs
  return changed && (neighbour.reach & NEWEST_HELLO) !== 0
}
