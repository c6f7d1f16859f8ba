import { DEATHS, DISTANCE_MINUTES, type DistanceResult, type ScaleResult } from './scale.ts'
import { table } from './table.ts'

/** What becomes of the graphs that the tunnel policy makes. */
export function scaleReport({ distances, survivals }: ScaleResult): string {
  const tunnels = [...new Set(distances.map((each) => each.tunnels))].sort((a, b) => a - b)
  const sizes = [...new Set(distances.map(({ nodes }) => nodes))]
  const of = (nodes: number, count: number) =>
    distances.find((each) => each.nodes === nodes && each.tunnels === count)
  const cell = (result: DistanceResult | undefined) =>
    result === undefined ? '' : `${result.meanDistance.toFixed(2)} (${result.published.toFixed(2)})`
  const worst = Math.max(0, ...distances.map(({ meanDistance, published }) => meanDistance / published - 1))
  return `Whole networks in one process: the daemon's own tunnel policy for each node, a virtual clock, everything else pretended.
Mean distance between two nodes, in tunnels, ${DISTANCE_MINUTES} minutes after the first of them started; each makes as many tunnels
as the column says. In brackets: published values of the original's algorithm. The most above them: ${percent(worst)}. What is
missing was not measured: the larger networks take hours. \`npm run bench -- scale --resume\` goes on with it, \`--nodes 100,200\`
and \`--tunnels 5,10\` measure a part anew.

${table(
  ['nodes', ...tunnels.map(String)],
  sizes.map((nodes) => [grouped(nodes), ...tunnels.map((count) => cell(of(nodes, count)))]),
)}

With ten tunnels each, but a third of the nodes behind NATs, where nobody can connect: these make two. After half an hour,
nodes die at once. How many of those that are left are still together, before anybody has noticed; how long it takes until
all are again that were left by the last of these; and what it takes to compute it.

${table(
  [
    'nodes',
    ...DEATHS.map((share) => `${percent(share, 0)} die`),
    ...['all together again after', 'processor time', 'memory'],
  ],
  survivals.map(({ nodes, outcome: { connectedAfter, healedSeconds, cpuSeconds, memoryMb } }) => [
    grouped(nodes),
    ...connectedAfter.map((share) => percent(share)),
    healedSeconds === undefined ? 'more than an hour' : `${healedSeconds} s`,
    `${cpuSeconds.toFixed(0)} s`,
    `${(memoryMb / 1024).toFixed(1)} GB`,
  ]),
)}`
}

const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`
const grouped = (count: number): string => count.toLocaleString('en')
