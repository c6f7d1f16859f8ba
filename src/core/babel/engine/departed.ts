import { INFINITY } from '../metric.ts'
import type { Destination } from '../wire/tlv.ts'
import type { Neighbour } from './model.ts'
import type { FormerCandidateView, NeighbourCause } from './ports.ts'
import { keyOf, metricOf } from './table.ts'

interface DepartedNeighbour {
  readonly iface: string
  readonly address: string
  readonly cause: NeighbourCause
  readonly goneMs: number
  /** What it had announced: keys of destinations, and the metrics in the same order. */
  readonly keys: readonly string[]
  readonly metrics: readonly number[]
}

/** Neighbours that are remembered. */
const MAX_NEIGHBOURS = 16
/** Ways that are remembered, of all of them: a quarter of a megabyte at most. */
const MAX_WAYS = 8_192

/** The last neighbours that are gone, and the ways that they had announced: for people who ask what became of one. */
export class Departed {
  /** The oldest first. */
  #neighbours: DepartedNeighbour[] = []

  /** A neighbour goes; its routes are still there. */
  add(nowMs: number, neighbour: Neighbour, cause: NeighbourCause): void {
    const announced = neighbour.routes.filter(({ refmetric }) => refmetric < INFINITY).slice(0, MAX_WAYS)
    if (announced.length === 0) return
    this.back(neighbour)
    this.#neighbours.push({
      ...{ iface: neighbour.iface.name, address: neighbour.address, cause, goneMs: nowMs },
      keys: announced.map(({ entry }) => entry.key),
      metrics: announced.map(metricOf),
    })
    let ways = this.#neighbours.reduce((sum, { keys }) => sum + keys.length, 0)
    while (this.#neighbours.length > MAX_NEIGHBOURS || ways > MAX_WAYS)
      ways -= this.#neighbours.shift()?.keys.length ?? ways
  }

  /** It is there again. */
  back({ iface, address }: Neighbour): void {
    this.#neighbours = this.#neighbours.filter((one) => one.iface !== iface.name || one.address !== address)
  }

  /** Those that had announced a destination, the last one that went first. */
  of(destination: Destination): FormerCandidateView[] {
    const key = keyOf(destination)
    return this.#neighbours
      .flatMap(({ iface, address, cause, goneMs, keys, metrics }) => {
        const metric = metrics[keys.indexOf(key)]
        return metric === undefined ? [] : [{ iface, neighbour: address, metric, cause, goneMs }]
      })
      .reverse()
  }
}
