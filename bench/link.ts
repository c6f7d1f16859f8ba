import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../src/platform/clock.ts'
import { joinNamespaces, makeNamespace, type Namespace } from '../test/support/namespace.ts'
import { RemoteRouter } from '../test/support/remote-router.ts'
import { addressOf, prefixOf, SIGNAL, settingsOf } from '../test/support/routing-pair.ts'
import { median } from './statistics.ts'
import { table } from './table.ts'

/** babeld as Python nodes start it, or our own router. */
type RouterName = 'babeld' | 're6st'

/** How soon packets go both ways over links that come up. */
export interface NewLinkResult {
  readonly server: RouterName
  readonly client: RouterName
  readonly seconds: readonly number[]
}

/** One end of a link. The server's interface is there for all of its clients, the client's for this tunnel. */
interface End {
  readonly number: number
  readonly router: RouterName
  readonly iface: 'taps' | 'tap'
  readonly namespace: Namespace
  readonly directory: string
}

const HELLO_SECONDS = 15
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

async function newLink(server: RouterName, client: RouterName): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 're6st-link-'))
  using serverNamespace = makeNamespace('link')
  using clientNamespace = makeNamespace('link')
  const ends: readonly [End, End] = [
    { number: 1, router: server, iface: 'taps', namespace: serverNamespace, directory },
    { number: 2, router: client, iface: 'tap', namespace: clientNamespace, directory },
  ]
  joinNamespaces(serverNamespace, ends[0].iface, clientNamespace, ends[1].iface)
  for (const { namespace, number, iface } of ends) {
    namespace.ip(`link set ${iface} down`)
    namespace.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
    namespace.ip(`addr add ${addressOf(number)}/64 dev lo`)
    namespace.ip('-6 route add unreachable 2001:db8:42::/48')
  }
  const routers: (() => Promise<unknown>)[] = []
  try {
    for (const end of ends) routers.push(await startRouter(end))
    await systemClock.sleep(SETTLE_MS)
    return await secondsUntilPing(ends)
  } finally {
    await Promise.all(routers.map((stop) => stop()))
    rmSync(directory, { recursive: true })
  }
}

/** @returns what stops it */
async function startRouter({
  router,
  number,
  iface,
  namespace,
  directory,
}: End): Promise<() => Promise<unknown>> {
  if (router === 'babeld') {
    const babeld = namespace.processes.start('babeld', babeldArguments(number, iface, directory), {
      dieWithParent: true,
    })
    return () => babeld.stop()
  }
  const ours = new RemoteRouter(namespace.processes)
  const isServer = iface === 'taps'
  const settings = settingsOf(number, { keys: { sign: undefined, accept: undefined } })
  await ours.start(
    { ...settings, helloIntervalMs: HELLO_SECONDS * 1000, tunnelIfaces: isServer ? [iface] : [] },
    SIGNAL,
  )
  if (!isServer) await ours.addInterface(iface, 'tunnel')
  return () => ours.stop()
}

/** As the Python implementation has it. */
function babeldArguments(number: number, iface: string, directory: string): readonly string[] {
  const hello = String(HELLO_SECONDS)
  return [
    ...['-h', hello, '-H', hello, '-I', '', '-s', '-S', join(directory, `babeld-${number}.state`)],
    ...['-C', 'redistribute local deny', '-C', `redistribute ip ${prefixOf(number)} eq 64`],
    ...['-C', 'default type tunnel max-rtt-penalty 5000 rtt-max 500 rtt-decay 125'],
    ...['-C', 'redistribute deny', '-C', `install pref-src ${addressOf(number)}`, iface],
  ]
}

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
