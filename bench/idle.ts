import { systemClock } from '../src/platform/clock.ts'
import type { BenchOptions } from './options.ts'
import { table } from './table.ts'
import { type End, HELLO_SECONDS, type RouterName, withTwoRouters } from './two-routers.ts'

/** What two routers say to each other when nothing happens. */
export interface IdleResult {
  readonly router: RouterName
  readonly minutes: number
  /** Of both directions, with the Ethernet headers, as they are in a tunnel. */
  readonly bytes: number
  readonly packets: number
}

const MINUTES = 10
/** They have found each other then, and said what there is to say. */
const SETTLE_MS = 60_000
const MINUTE_MS = 60_000
const TARGET_PERCENT = 105

/** An idle link between two of each kind; both at the same time. */
export const measureIdle = ({ minutes = MINUTES }: BenchOptions): Promise<readonly IdleResult[]> =>
  Promise.all((['re6st', 'babeld'] as const).map((router) => idleLink(router, minutes)))

const idleLink = (router: RouterName, minutes: number): Promise<IdleResult> =>
  withTwoRouters(router, router, async ([server, client]) => {
    for (const { namespace, iface } of [server, client]) namespace.ip(`link set ${iface} up`)
    await systemClock.sleep(SETTLE_MS)
    const before = countersOf(client)
    await systemClock.sleep(minutes * MINUTE_MS)
    const after = countersOf(client)
    return {
      ...{ router, minutes },
      bytes: after.bytes - before.bytes,
      packets: after.packets - before.packets,
    }
  })

function countersOf({ namespace, iface }: End): Record<'bytes' | 'packets', number> {
  type Counters = Record<'bytes' | 'packets', number>
  const [link] = JSON.parse(namespace.ip(`-s -j link show dev ${iface}`)) as {
    readonly stats64: Record<'rx' | 'tx', Counters>
  }[]
  if (!link) throw new Error(`no interface ${iface}`)
  const { rx, tx } = link.stats64
  return { bytes: rx.bytes + tx.bytes, packets: rx.packets + tx.packets }
}

/** Bytes of ours in percent of babeld's; undefined: not measured. */
export function idlePercent(results: readonly IdleResult[]): number | undefined {
  const rate = (wanted: RouterName) => {
    const found = results.find(({ router }) => router === wanted)
    return found && found.bytes / found.minutes
  }
  const [ours, babelds] = [rate('re6st'), rate('babeld')]
  return ours === undefined || babelds === undefined ? undefined : (100 * ours) / babelds
}

/** The section, as Markdown. */
export const idleReport = (
  results: readonly IdleResult[],
): string => `What two routers say to each other over a link on which nothing else happens, both directions together; hello interval
${HELLO_SECONDS} s, one prefix each, from a minute after the link came up. babeld is started as Python nodes start it. Ours has
${idlePercent(results)?.toFixed(0) ?? 'no'} % of babeld's bytes (target ${TARGET_PERCENT} %).

${table(
  ['router', 'minutes', 'packets a minute', 'bytes a minute', 'bytes an hour'],
  results.map(({ router, minutes, bytes, packets }) => [
    router,
    String(minutes),
    (packets / minutes).toFixed(1),
    (bytes / minutes).toFixed(0),
    ((60 * bytes) / minutes).toFixed(0),
  ]),
)}`
