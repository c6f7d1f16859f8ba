import type { LayoutTask, LayoutUpdate } from './layout-messages.ts'
import type { Network } from './network.ts'
import { type Position, type Positions, pairsOf, place, savedPositions, savedText } from './positions.ts'

/** Finds places for the nodes of a network, and keeps those it has found. */
export interface Settler {
  /** Nodes that have a place keep it; for others one is found. @returns where all are for now */
  settle(network: Network): Positions
  /** Forgets all places, and finds new ones for all. */
  anew(network: Network): Positions
  stop(): void
}

/** Where positions are kept between visits. */
export interface PositionStore {
  load(): Positions
  save(positions: Positions): void
}

/** @param moved hears of better places, until `done` */
export function startSettler(
  store: PositionStore,
  moved: (positions: Positions, done: boolean) => void,
): Settler {
  let known = store.load()
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
    moved(positions, data.done)
  }

  function settle(network: Network): Positions {
    const { positions, fresh } = place(network, known)
    if (fresh.size === 0) {
      task++
      known = positions
      return positions
    }
    ids = [...positions.keys()]
    const places = [...positions.values()]
    const message: LayoutTask = {
      task: ++task,
      ids,
      xs: Float32Array.from(places, ({ x }) => x),
      ys: Float32Array.from(places, ({ y }) => y),
      pairs: pairsOf(network),
      settled: new Set(ids.filter((id) => !fresh.has(id))),
    }
    worker.postMessage(message)
    return positions
  }

  return {
    settle,
    anew(network) {
      known = new Map()
      return settle(network)
    },
    stop: () => worker.terminate(),
  }
}

/** Keeps positions in this browser; a browser that refuses keeps none. */
export function browserStore(key: string): PositionStore {
  return {
    load() {
      try {
        return savedPositions(localStorage.getItem(key))
      } catch {
        return new Map()
      }
    },
    save(positions) {
      try {
        localStorage.setItem(key, savedText(positions))
      } catch {
        // Full or forbidden: the next visit finds places anew.
      }
    },
  }
}
