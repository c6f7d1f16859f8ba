import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { BenchOptions } from './options.ts'
import type { Progress } from './progress.ts'
import { table } from './table.ts'
import type { WholeNodesOutcome } from './whole-nodes-run.ts'

const RUN = fileURLToPath(new URL('whole-nodes-run.ts', import.meta.url))
const SIZES = [30, 60, 120, 240, 2_000, 10_000]
/** Of larger networks only some subnets are announced: time and memory of all grow with the square. */
const MAX_ALL = 240
const SAMPLE = 8
const HEAP_MB = 16_384

/** Networks of whole nodes: routing engine and tunnel policy of each. Those that are named are added to what there is. */
export async function measureWholeNodes(
  { nodes: sizes = SIZES }: BenchOptions,
  { before = [], keep }: Progress<readonly WholeNodesOutcome[]>,
): Promise<readonly WholeNodesOutcome[]> {
  let outcomes = before
  for (const nodes of sizes) {
    const { stdout } = await execa(process.execPath, [
      ...[`--max-old-space-size=${HEAP_MB}`, '--import', 'tsx', RUN],
      ...[String(nodes), String(nodes > MAX_ALL ? SAMPLE : nodes)],
    ])
    const outcome = JSON.parse(stdout) as WholeNodesOutcome
    console.log(outcome)
    const others = outcomes.filter((each) => each.nodes !== nodes)
    outcomes = [...others, outcome].sort((one, other) => one.nodes - other.nodes)
    keep(outcomes)
  }
  return outcomes
}

/** The section of the report. */
export const wholeNodesReport = (
  outcomes: readonly WholeNodesOutcome[],
): string => `Whole nodes in one process, on a virtual clock: the daemon's own tunnel policy and routing engine of each, with packets that
are encoded, delayed and decoded; five tunnels each, a third of them behind NATs, hello 15, no MACs. Bytes, with headers of
IPv6 and UDP, and processor time are those of one node when all are routed, while tunnels are replaced as they always are.

${table(
  [
    ...[
      'nodes',
      'announced subnets',
      'all routed after',
      'processor time until then',
      'ways that a node knows',
      'bytes a second',
    ],
    ...['processor seconds a minute', 'memory of all', 'loops'],
  ],
  outcomes.map((each) => [
    each.nodes.toLocaleString('en'),
    each.destinations.toLocaleString('en'),
    each.formingSeconds === undefined ? 'not within ten minutes' : `${each.formingSeconds} s`,
    `${each.formingCpuSeconds.toFixed(0)} s`,
    each.candidates.toFixed(0),
    each.bytesPerSecond.toFixed(0),
    each.cpuSecondsPerMinute.toFixed(3),
    `${each.memoryMb.toFixed(0)} MB`,
    String(each.loops),
  ]),
)}

Each node has a route from each neighbour to each other node, so that time and memory of the whole grow with the square of the
nodes. Routes to one subnet never depend on those to another: of larger networks, those of ${SAMPLE} nodes that are spread evenly are
announced, and what is said of these holds for each; bytes and processor time are then those of the links, and of ${SAMPLE} subnets.
`
