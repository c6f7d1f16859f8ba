import { pingAllPairs } from '../lab/pings.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { systemClock } from '../src/platform/clock.ts'
import type { Board } from './board.ts'
import { type MachineView, type RoundTrips, reachability } from './model.ts'
import { viewOf } from './node-view.ts'

const LOOK_INTERVAL_MS = 500
/** On a machine that is busy with many nodes packets wait, too. */
const PING_TIMEOUT_MS = 1_000
/** So many times as long as a look has taken nobody looks: it is the nodes that are to have the processors. */
const REST = 2
/** While pairs are missing, the moment when the last one answers is of interest. */
const PING_PAUSE_MS = { missing: 200, complete: 1_000 }

/** Looks at the nodes by their control sockets and by pings, and writes what it sees on the board. */
export class Observer {
  readonly #board: Board
  readonly #nodes: ReadonlyMap<string, Re6stNode>
  readonly #stop = new AbortController()

  constructor(board: Board, nodes: ReadonlyMap<string, Re6stNode>) {
    this.#board = board
    this.#nodes = nodes
  }

  start(): void {
    void this.#repeat(async () => {
      await Promise.all([...this.#nodes.values()].map((node) => this.#look(node)))
      return LOOK_INTERVAL_MS
    })
    void this.#repeat(async () => {
      await this.#ping()
      const { answered, wanted } = reachability(this.#board.picture)
      return answered < wanted ? PING_PAUSE_MS.missing : PING_PAUSE_MS.complete
    })
  }

  /** Idempotent. */
  stop(): void {
    this.#stop.abort()
  }

  /** Until stopped: acts, then pauses for as long as the action says. */
  async #repeat(act: () => Promise<number>): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      const begunMs = systemClock.monotonicMs()
      const pauseMs = await act()
      const restMs = REST * (systemClock.monotonicMs() - begunMs)
      await systemClock.sleep(Math.max(pauseMs, restMs), signal).catch(() => {})
    }
  }

  async #look(node: Re6stNode): Promise<void> {
    const before = this.#view(node.name)
    if (before === undefined || before.stage === 'killed') return
    try {
      const seen = await viewOf(node)
      // It may have been killed while we asked.
      if (this.#stop.signal.aborted || this.#view(node.name)?.stage === 'killed') return
      this.#tellChanges(before, { ...before, ...seen })
      this.#board.machine(node.name, { ...seen, stage: 'running' })
    } catch {
      // Not yet, or not any more: the stage that it has says it.
    }
  }

  #tellChanges(before: MachineView, now: MachineView): void {
    const nameOf = (subnet: string) =>
      this.#board.picture.machines.find((machine) => machine.subnet === subnet)?.name ?? subnet
    for (const { role, peer } of now.tunnels)
      if (role === 'client' && !before.tunnels.some((old) => old.role === role && old.peer === peer))
        this.#board.tell('machine', `${now.name} has a tunnel to ${nameOf(peer)}`)
    const others = this.#nodes.size - 1
    if (now.routes.length === others && before.routes.length < others)
      this.#board.tell('machine', `${now.name} has routes to all ${others} others`)
  }

  async #ping(): Promise<void> {
    const targets = [...this.#nodes.values()].flatMap(({ name, machine }) => {
      const view = this.#view(name)
      return view?.stage === 'running' && view.address !== undefined && machine.running
        ? [{ machine, address: view.address }]
        : []
    })
    try {
      const matrix = await pingAllPairs(targets, PING_TIMEOUT_MS)
      const times: RoundTrips = Object.fromEntries(
        [...matrix].map(([from, row]) => [
          from.machine.name,
          Object.fromEntries(
            [...row].flatMap(([to, time]) => (time === undefined ? [] : [[to.machine.name, time]])),
          ),
        ]),
      )
      if (!this.#stop.signal.aborted) this.#board.roundTrips(times)
    } catch {
      // A machine was switched off meanwhile: the next round does without it.
    }
  }

  #view(name: string): MachineView | undefined {
    return this.#board.picture.machines.find((machine) => machine.name === name)
  }
}
