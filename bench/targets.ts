import type { FullTablesResult } from './full-tables.ts'
import { idlePercent } from './idle.ts'
import { punctualPercent } from './punctual.ts'
import type { Results } from './sections.ts'
import { median, percentile } from './statistics.ts'
import { table } from './table.ts'

const seconds = (value: number | undefined): string =>
  value === undefined ? 'not measured' : `${value.toFixed(2)} s`

const percent = (value: number | undefined): string =>
  value === undefined ? 'not measured' : `${value.toFixed(0)} %`

const share = (value: number | undefined): string =>
  value === undefined ? 'not measured' : `${value.toFixed(2)} %`

/** What is wanted of joining, healing and cost beside what was measured, and babeld's in the same run where it takes part. */
export function targetsReport({
  link,
  idle,
  punctual,
  network,
  outage,
  'false-alarms': alarms,
  leaving,
  'large-network': large,
}: Results): string {
  const links = (server: string, client: string) =>
    link?.result.find((one) => one.server === server && one.client === client)?.seconds
  const medianOf = (values: readonly number[] | undefined) => seconds(values && median(values))
  const outages = (router: string, kind: 'silent' | 'announced') =>
    outage?.result.find((one) => one.router === router)?.[kind].map((one) => one.seconds)
  const outageOf = (router: string) => {
    const times = outages(router, 'silent')
    return times === undefined || times.length === 0
      ? 'not measured'
      : `${seconds(median(times))}, ${seconds(percentile(times, 0.99))}`
  }
  const announced = outages('re6st', 'announced')
  const slow = network?.result.find(({ helloSeconds }) => helloSeconds === 15)
  const both = (text: (one: FullTablesResult | undefined) => string): readonly string[] =>
    ['re6st', 'babeld'].map((name) => text(large?.result.routers?.find(({ router }) => router === name)))
  const babelds = medianOf(links('babeld', 'babeld'))
  return table(
    ['what', 'target', 'ours', 'babeld in the same run'],
    [
      ['new link, ours with ours, median', '0.5 s', medianOf(links('re6st', 're6st')), babelds],
      ['new link, ours as the client of babeld, median', '1 s', medianOf(links('babeld', 're6st')), babelds],
      ['new link, babeld as the client of ours, median', '1 s', medianOf(links('re6st', 'babeld')), babelds],
      ['a ninth node joins, hello 15', '1 s', seconds(slow?.joinSeconds), ''],
      ['8 nodes start, hello 15', '2 s', seconds(slow?.startSeconds), ''],
      ['outage that nobody is told of, median and 99 %', '0.5 s, 1 s', outageOf('re6st'), outageOf('babeld')],
      ['outage of which the kernel tells, median', '0.1 s', medianOf(announced), ''],
      [
        'false alarms',
        'none',
        alarms ? String(alarms.result.reduce((sum, one) => sum + one.alarms, 0)) : 'not measured',
        '',
      ],
      [
        'packets lost by tunnels that are drained and closed, and by nodes on the way that are stopped',
        '0',
        leaving ? leaving.result.map(({ lost }) => String(lost)).join(', ') : 'not measured',
        '',
      ],
      [
        'bytes on an idle link, hello 15, of those of babeld',
        '105 %',
        percent(idle && idlePercent(idle.result)),
        '',
      ],
      [
        'hellos within 50 ms of their time, beside the rest of the node’s work',
        '99.9 %',
        share(punctualPercent(punctual?.result)),
        '',
      ],
      [
        '10,000 routes of 20 neighbours: in the kernel',
        '3 s',
        ...both((one) => seconds(one?.installedSeconds)),
      ],
      [
        'the same: memory over the empty daemon',
        '60 MB',
        ...both((one) => (one ? `${one.memoryMb.toFixed(0)} MB` : 'not measured')),
      ],
      ['the same: processor time of a calm minute', '1 s', ...both((one) => seconds(one?.steadySeconds))],
      [
        'a steady node with its children, PSS',
        '28 MB',
        slow ? `${slow.allMb.toFixed(0)} MB` : 'not measured',
        '',
      ],
      ['the same: processor time a minute, hello 15', '0.3 s', seconds(slow?.idleCpuSecondsPerMinute), ''],
    ],
  )
}
