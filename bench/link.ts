import { systemClock } from '../src/platform/clock.ts'
import { addressOf } from '../test/support/routing-pair.ts'
import { median } from './statistics.ts'
import { table } from './table.ts'
import { type End, HELLO_SECONDS, type RouterName, withTwoRouters } from './two-routers.ts'

/** How soon packets go both ways over links that come up. */
export interface NewLinkResult {
  readonly server: RouterName
  readonly client: RouterName
  readonly seconds: readonly number[]
}

const ROUNDS = 10
/** Two babelds take as long as their hello interval. */
const ROUNDS_OF_BABELD = 2
const PING_MS = 10
const DEADLINE_MS = 180_000
/** Both routers have begun then, and have nothing to do. */
const SETTLE_MS = 2_000
const PAIRS: readonly (readonly [RouterName, RouterName])[] = [
  ['re6st', 're6st'],
  ['babeld', 're6st'],
  ['re6st', 'babeld'],
  ['babeld', 'babeld'],
]
const TARGETS: Readonly<Record<string, string>> = {
  're6st re6st': '0.5',
  'babeld re6st': '1',
  're6st babeld': '1',
}

/** New links between two routers that run, of each kind of pair. */
export async function measureNewLinks(): Promise<readonly NewLinkResult[]> {
  const results: NewLinkResult[] = []
  for (const [server, client] of PAIRS) {
    const rounds = server === 'babeld' && client === 'babeld' ? ROUNDS_OF_BABELD : ROUNDS
    const seconds: number[] = []
    for (let round = 0; round < rounds; round++) seconds.push(await newLink(server, client))
    console.log(`server ${server}, client ${client}: ${seconds.map((each) => each.toFixed(2)).join(', ')}`)
    results.push({ server, client, seconds })
  }
  return results
}

/** The section, as Markdown. */
export const newLinkReport = (
  results: readonly NewLinkResult[],
): string => `Seconds from the moment in which a link comes up between two routers that run, until packets go both ways; hello
interval ${HELLO_SECONDS} s, a ping each ${PING_MS} ms. babeld is started as Python nodes start it.

${table(
  ['server', 'client', 'links', 'median', 'most', 'target'],
  results.map(({ server, client, seconds }) => [
    server,
    client,
    String(seconds.length),
    median(seconds).toFixed(2),
    Math.max(...seconds).toFixed(2),
    TARGETS[`${server} ${client}`] ?? '',
  ]),
)}`

const newLink = (server: RouterName, client: RouterName): Promise<number> =>
  withTwoRouters(server, client, async (ends) => {
    await systemClock.sleep(SETTLE_MS)
    return secondsUntilPing(ends)
  })

/** Lets the link come up. */
async function secondsUntilPing([server, client]: readonly [End, End]): Promise<number> {
  let answeredMs: number | undefined
  const target = addressOf(server.number)
  const ping = client.namespace.processes.start(
    'fping',
    ['-D', '-l', `-p${PING_MS}`, '-t1000', '-S', addressOf(client.number), target],
    {
      onLine(line) {
        const [, seconds] = /^\[([\d.]+)\] .* bytes, /.exec(line) ?? []
        if (seconds !== undefined) answeredMs ??= Number(seconds) * 1000
      },
    },
  )
  server.namespace.ip(`link set ${server.iface} up`)
  const startMs = systemClock.now()
  client.namespace.ip(`link set ${client.iface} up`)
  const endMs = systemClock.monotonicMs() + DEADLINE_MS
  while (answeredMs === undefined && systemClock.monotonicMs() < endMs) await systemClock.sleep(PING_MS)
  await ping.stop()
  if (answeredMs === undefined) throw new Error(`no packets over a new link in ${DEADLINE_MS / 1000} s`)
  return Math.max(0, answeredMs - startMs) / 1000
}
