import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { BenchOptions } from './options.ts'
import type { Progress } from './progress.ts'
import type { ScaleOrder, ScaleOutcome } from './scale-run.ts'

/** Mean distance of one graph. */
export interface DistanceResult {
  readonly nodes: number
  readonly tunnels: number
  readonly meanDistance: number
  /** That of a good implementation, as published. */
  readonly published: number
}

/** What is left of a network when many of its nodes die at once. */
export interface SurvivalResult {
  readonly nodes: number
  readonly outcome: ScaleOutcome
}

/** What becomes of the graphs that the tunnel policy makes, as networks grow. */
export interface ScaleResult {
  readonly distances: readonly DistanceResult[]
  readonly survivals: readonly SurvivalResult[]
}

/** Shares of the nodes that die at once. */
export const DEATHS = [0.1, 0.2, 0.3, 0.4, 0.5]

const PUBLISHED = fileURLToPath(new URL('mean-distance.tsv', import.meta.url))
const RUN = fileURLToPath(new URL('scale-run.ts', import.meta.url))
/**
 * By then, every node has its tunnels, and has replaced some sixteen of them. Those that were there first have more clients
 * than others for hours, and those that came last have none at first: the published values are those of graphs in which
 * nobody was first. Of 30 tunnels each in a network of 1,600, what is above them is 3.3 % after 20 minutes, 1.8 % after an hour.
 */
export const DISTANCE_MINUTES = 60
const SURVIVAL_MINUTES = 30
/** Exact in smaller networks; in larger ones, the mean of so many is off by a thousandth at most. */
const SOURCES = 400
/** What a registry has by default. */
const USUAL_TUNNELS = 10
/** 102,400 nodes with fifty tunnels need more than Node.js takes by itself. */
const HEAP_MB = 8_192
const HEAP_OF_YOUNG_MB = 64

/**
 * Graphs of 100 to 102,400 nodes with 5 to 50 tunnels; and how those with ten tunnels bear that nodes die. It takes hours for
 * all: smaller networks come first, and what is limited by an option is added to what there is.
 */
export async function measureScale(
  { nodes: sizes, tunnels: counts, resume = false }: BenchOptions,
  { before, keep }: Progress<ScaleResult>,
): Promise<ScaleResult> {
  const isPart = resume || sizes !== undefined || counts !== undefined
  let result: ScaleResult = (isPart ? before : undefined) ?? { distances: [], survivals: [] }
  const add = (more: ScaleResult) => {
    result = mergedScale(result, more)
    keep(result)
  }
  const published = publishedDistances().filter(({ nodes }) => sizes?.includes(nodes) ?? true)
  for (const nodes of new Set(published.map((each) => each.nodes))) {
    const isKnown = result.survivals.some((each) => each.nodes === nodes)
    if (counts?.includes(USUAL_TUNNELS) !== false && !(resume && isKnown)) {
      const order = { nodes, tunnels: USUAL_TUNNELS, natShare: 1 / 3, minutes: SURVIVAL_MINUTES }
      const outcome = await simulate({ ...order, deaths: DEATHS, heals: true })
      add({ distances: [], survivals: [{ nodes, outcome }] })
    }
    for (const cell of published) {
      if (cell.nodes !== nodes || counts?.includes(cell.tunnels) === false) continue
      if (resume && result.distances.some((each) => isSameGraph(each, cell))) continue
      const { tunnels } = cell
      const order = { nodes, tunnels, natShare: 0, minutes: DISTANCE_MINUTES, deaths: [], heals: false }
      const { meanDistance } = await simulate(order)
      add({ distances: [{ ...cell, meanDistance }], survivals: [] })
    }
  }
  return result
}

type GraphSize = Pick<DistanceResult, 'nodes' | 'tunnels'>

const isSameGraph = (one: GraphSize, other: GraphSize): boolean =>
  one.nodes === other.nodes && one.tunnels === other.tunnels

/** What was measured before, with what was measured now in its place; in the order of the report. */
export function mergedScale(before: ScaleResult, now: ScaleResult): ScaleResult {
  const distances = before.distances.filter((old) => !now.distances.some((each) => isSameGraph(each, old)))
  const survivals = before.survivals.filter((old) => !now.survivals.some(({ nodes }) => nodes === old.nodes))
  return {
    distances: [...distances, ...now.distances].sort((a, b) => a.nodes - b.nodes || a.tunnels - b.tunnels),
    survivals: [...survivals, ...now.survivals].sort((a, b) => a.nodes - b.nodes),
  }
}

async function simulate(order: Omit<ScaleOrder, 'sources'>): Promise<ScaleOutcome> {
  const { stdout } = await execa(process.execPath, [
    ...[`--max-old-space-size=${HEAP_MB}`, `--max-semi-space-size=${HEAP_OF_YOUNG_MB}`, '--import', 'tsx'],
    ...[RUN, JSON.stringify({ ...order, sources: SOURCES })],
  ])
  const outcome = JSON.parse(stdout) as ScaleOutcome
  const { nodes, tunnels } = order
  console.log({ nodes, tunnels, ...outcome })
  return outcome
}

/** Rows are nodes, columns tunnels. */
function publishedDistances(): Omit<DistanceResult, 'meanDistance'>[] {
  const [head = [], ...rows] = readFileSync(PUBLISHED, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('\t'))
  return rows.flatMap(([nodes, ...cells]) =>
    cells.map((cell, column) => ({
      nodes: Number(nodes),
      tunnels: Number(head[column + 1]),
      published: Number(cell),
    })),
  )
}
