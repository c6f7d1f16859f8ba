import { UndirectedGraph } from 'graphology'
import forceAtlas2 from 'graphology-layout-forceatlas2'
import type { LayoutTask, LayoutUpdate } from './layout-messages.ts'

/*
 * Finds places for nodes, away from the thread that draws: it tells them after each batch, so that the picture grows
 * under the eyes of who waits. A new task replaces the one at work.
 */

/** As many iterations as take some 100 ms at 5,000 nodes. */
const BATCH = 5
/** Fewer nodes need more of them until they are at rest, and have them in no time. */
const iterationsFor = (nodes: number): number => (nodes > 2_000 ? 120 : nodes > 300 ? 250 : 400)

let current = 0

// The page's configuration of TypeScript has no types of workers; this is all that is used of one.
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<LayoutTask>) => void) | null
  postMessage(update: LayoutUpdate, transfer: readonly Transferable[]): void
}

scope.onmessage = ({ data: { task, ids, xs, ys, pairs, settled } }) => {
  current = task
  const graph = new UndirectedGraph()
  ids.forEach((id, at) => {
    graph.addNode(id, { x: xs[at], y: ys[at], fixed: settled.has(id) })
  })
  for (const [one, other] of pairs) graph.addEdge(one, other)
  const settings = {
    ...forceAtlas2.inferSettings(graph),
    barnesHutOptimize: ids.length > 500,
    gravity: 0.6,
    scalingRatio: 12,
    slowDown: 3,
  }
  const rounds = Math.ceil(iterationsFor(ids.length) / BATCH)
  const next = (round: number) => {
    if (current !== task) return
    if (ids.length > 1) forceAtlas2.assign(graph, { iterations: BATCH, settings })
    const done = round >= rounds
    const newXs = Float32Array.from(ids, (id) => graph.getNodeAttribute(id, 'x') as number)
    const newYs = Float32Array.from(ids, (id) => graph.getNodeAttribute(id, 'y') as number)
    scope.postMessage({ task, xs: newXs, ys: newYs, done }, [newXs.buffer, newYs.buffer])
    // Lets a newer task be heard.
    if (!done) setTimeout(() => next(round + 1))
  }
  next(1)
}
