import { median, percentile } from '../statistics.ts'
import { table } from '../table.ts'
import type { Outage, OutageResult } from './outage.ts'

/** Many faults are told of by kind; the slowest ones by themselves. */
const SLOWEST = 5

/** The section of random faults, as Markdown. */
export const outageReport = (
  results: readonly OutageResult[],
): string => `Seconds without packets between two of twelve nodes (three tunnels each, a ping each 10 ms, hello interval
${results[0]?.helloSeconds} s), from a random fault on their path until packets flow again. \`--seed\` chooses others, \`--faults\` how many.

${table(
  ['router', 'fault', 'times', 'median', '99 %', 'most'],
  results.flatMap(({ router, silent, announced }) => [
    ...kindsOf(silent).map((kind) => row(router, kind, silent)),
    row(router, 'all of these, where nobody is told', silent, () => true),
    ...kindsOf(announced).map((kind) => row(router, kind, announced)),
    ...(announced.length === 0
      ? []
      : [row(router, 'all of these, where the kernel tells', announced, () => true)]),
  ]),
)}

The longest ones of our own router, and how the nodes beside the fault noticed it:

${table(
  ['seconds', 'fault', 'where', 'noticed'],
  results
    .filter(({ router }) => router === 're6st')
    .flatMap(({ silent, announced }) => [...silent, ...announced])
    .sort((one, other) => other.seconds - one.seconds)
    .slice(0, SLOWEST)
    .map(({ seconds, kind, where, noticed }) => [seconds.toFixed(2), kind, where, noticed]),
)}`

const kindsOf = (outages: readonly Outage[]): string[] => [...new Set(outages.map(({ kind }) => kind))].sort()

function row(
  router: string,
  name: string,
  outages: readonly Outage[],
  counts = ({ kind }: Outage): boolean => kind === name,
): string[] {
  const seconds = outages.filter(counts).map((outage) => outage.seconds)
  return [
    router,
    name,
    String(seconds.length),
    ...[median(seconds), percentile(seconds, 0.99), Math.max(...seconds)].map((value) => value.toFixed(2)),
  ]
}
