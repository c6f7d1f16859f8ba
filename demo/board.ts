import { systemClock } from '../src/platform/clock.ts'
import type { MachineView, Outage, Picture, RoundTrips, StoryLine } from './model.ts'

/** Where the story writes what happens, and everything that shows it reads it: the one picture, as it is now. */
export class Board {
  readonly #startMs = systemClock.monotonicMs()
  readonly #listeners = new Set<() => void>()
  #step = ''
  #machines: readonly MachineView[]
  #roundTrips: RoundTrips = {}
  #cuts: readonly (readonly [string, string])[] = []
  #outages: readonly Outage[] = []
  #story: readonly StoryLine[] = []

  constructor(machines: readonly MachineView[]) {
    this.#machines = machines
  }

  get picture(): Picture {
    return {
      step: this.#step,
      elapsedMs: this.elapsedMs,
      machines: this.#machines,
      roundTrips: this.#roundTrips,
      cuts: this.#cuts,
      outages: this.#outages,
      story: this.#story,
    }
  }

  get elapsedMs(): number {
    return Math.round(systemClock.monotonicMs() - this.#startMs)
  }

  /** Calls `listener` after each change. */
  watch(listener: () => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /** What the demo does now. */
  step(text: string): void {
    this.#step = text
    this.tell('step', text)
  }

  /** Something that happened. */
  tell(kind: StoryLine['kind'], text: string): void {
    this.#story = [...this.#story, { atMs: this.elapsedMs, kind, text }]
    this.#changed()
  }

  machine(name: string, change: Partial<MachineView>): void {
    this.#machines = this.#machines.map((machine) =>
      machine.name === name ? { ...machine, ...change } : machine,
    )
    this.#changed()
  }

  roundTrips(times: RoundTrips): void {
    this.#roundTrips = times
    this.#changed()
  }

  cuts(pairs: readonly (readonly [string, string])[]): void {
    this.#cuts = pairs
    this.#changed()
  }

  /** A new outage, or one that is over now (same `what`). */
  outage(outage: Outage): void {
    this.#outages = [...this.#outages.filter(({ what }) => what !== outage.what), outage]
    this.#changed()
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}
