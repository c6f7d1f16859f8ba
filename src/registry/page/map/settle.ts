import type { LayoutTask, LayoutUpdate } from './layout-messages.ts'
import type { Network } from './network.ts'
import type { PositionStore } from './position-store.ts'
import { type Position, type Positions, pairsOf, place } from './positions.ts'

/** Finds places for the nodes of a network, and keeps those it has found. */
export interface Settler {
  /** Nodes that have a place keep it; for others one is found. */
  settle(network: Network): void
  /** Forgets all places, and finds new ones for all. */
  anew(network: Network): void
  stop(): void
}

/** @param moved hears where all are: at once, and then of better places; `isOnTheWay` while there are better ones to come */
export function startSettler(
  store: PositionStore,
  moved: (positions: Positions, isOnTheWay: boolean) => void,
): Settler {
  /** Undefined: not read yet. */
  let known: Positions | undefined
  let waiting: Network | undefined
  let task = 0
  let ids: readonly string[] = []
  const worker = new Worker('layout-worker.js', { type: 'module' })
  worker.onmessage = ({ data }: MessageEvent<LayoutUpdate>) => {
    if (data.task !== task) return
    const positions = new Map(
      ids.map((id, at): [string, Position] => [id, { x: data.xs[at] ?? 0, y: data.ys[at] ?? 0 }]),
    )
    if (data.done) {
      known = positions
      store.save(positions)
    }
    moved(positions, !data.done)
  }

  function settle(network: Network): void {
    waiting = network
    if (known === undefined) return
    const { positions, fresh } = place(network, known)
    task++
    if (fresh.size === 0) known = positions
    else {
      ids = [...positions.keys()]
      const places = [...positions.values()]
      const message: LayoutTask = {
        task,
        ids,
        xs: Float32Array.from(places, ({ x }) => x),
        ys: Float32Array.from(places, ({ y }) => y),
        pairs: pairsOf(network),
        settled: new Set(ids.filter((id) => !fresh.has(id))),
      }
      worker.postMessage(message)
    }
    moved(positions, false)
  }

  function begin(positions: Positions): void {
    known ??= positions
    if (waiting !== undefined) settle(waiting)
  }
  store.load().then(begin, () => begin(new Map()))

  return {
    settle,
    anew(network) {
      known = new Map()
      settle(network)
    },
    stop() {
      waiting = undefined
      worker.terminate()
    },
  }
}
