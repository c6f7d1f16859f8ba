import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuSeconds, memoryMb } from '../lab/process-cost.ts'
import { waitFor } from '../lab/wait-for.ts'
import { systemClock } from '../src/platform/clock.ts'
import { joinNamespaces, makeNamespace, type Namespace } from '../test/support/namespace.ts'
import { RemoteRouter } from '../test/support/remote-router.ts'
import { addressOf, NO_KEYS, SIGNAL, settingsOf } from '../test/support/routing-pair.ts'
import { NEIGHBOURS, ROUTES } from './full-table.ts'
import { table } from './table.ts'
import { babeldArguments, HELLO_SECONDS, type RouterName } from './two-routers.ts'

/** What 10,000 routes from each of 20 neighbours cost a router with its sockets and the kernel. */
export interface FullTablesResult {
  readonly router: RouterName
  /** From the first packet until the kernel has all routes. */
  readonly installedSeconds: number
  /** Until it had done what there was to do. With its children. */
  readonly processorSeconds: number
  /** More than with the same neighbours, and no routes. With its children. */
  readonly memoryMb: number
  /** Processor time of a minute in which each neighbour tells everything once more, and is told everything. */
  readonly steadySeconds: number
  /** Packets for which its sockets had no room. */
  readonly lostPackets: number
}

const SCRIPT = fileURLToPath(new URL('full-tables-neighbours.ts', import.meta.url))
const DEADLINE_MS = 180_000
const LOOK_MS = 50
const MINUTE_MS = 60_000
/** What it may need in half a second and is calm. */
const CALM_MS = 500
const CALM_SECONDS = 0.05
const OWN = 1

/** One router in a namespace, its neighbours in another one. */
export async function measureFullTables(router: RouterName): Promise<FullTablesResult> {
  const directory = mkdtempSync(join(tmpdir(), 're6st-full-tables-'))
  using own = makeNamespace('tables')
  using others = makeNamespace('tables')
  const ifaces = Array.from({ length: NEIGHBOURS }, (_, number) => `n${number}`)
  for (const iface of ifaces) joinNamespaces(own, iface, others, iface)
  own.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
  own.ip(`addr add ${addressOf(OWN)}/64 dev lo`)
  const lines: string[] = []
  const neighbours = others.processes.start(
    process.execPath,
    ['--import', 'tsx', SCRIPT, JSON.stringify(ifaces.map((iface) => linkLocalOf(others, iface)))],
    {
      dieWithParent: true,
      withInput: true,
      onLine: (line) => lines.push(line),
    },
  )
  const said = (line: string) =>
    waitFor(() => lines.includes(line), { what: `${line} from the neighbours`, deadlineMs: DEADLINE_MS })
  let stop: (() => Promise<unknown>) | undefined
  try {
    stop = await start(router, own, ifaces, directory)
    await said('ready')
    const memoryBefore = memoryOf(own)
    const cpuBefore = cpuOf(own)
    const routesBefore = routesOf(own)
    const lostBefore = droppedBySockets(own)
    const startMs = systemClock.monotonicMs()
    neighbours.write('tell\n')
    await waitFor(() => routesOf(own) >= routesBefore + ROUTES, {
      ...{ what: 'all routes in the kernel', deadlineMs: DEADLINE_MS, intervalMs: LOOK_MS },
    })
    const installedSeconds = (systemClock.monotonicMs() - startMs) / 1000
    await said('told')
    const processorSeconds = (await calmCpuOf(own)) - cpuBefore
    const memoryMb = memoryOf(own) - memoryBefore
    const lostPackets = droppedBySockets(own) - lostBefore
    const steadyBefore = cpuOf(own)
    await systemClock.sleep(MINUTE_MS)
    const steadySeconds = cpuOf(own) - steadyBefore
    return { router, installedSeconds, processorSeconds, memoryMb, steadySeconds, lostPackets }
  } finally {
    await neighbours.stop()
    await stop?.()
    rmSync(directory, { recursive: true })
  }
}

/** @returns what stops it */
async function start(
  router: RouterName,
  { processes }: Namespace,
  ifaces: readonly string[],
  directory: string,
): Promise<() => Promise<unknown>> {
  if (router === 'babeld') {
    const babeld = processes.start('babeld', babeldArguments(OWN, ifaces, directory), { dieWithParent: true })
    return () => babeld.stop()
  }
  const ours = new RemoteRouter(processes, { isWatched: false })
  await ours.start(settingsOf(OWN, { keys: NO_KEYS, helloIntervalMs: HELLO_SECONDS * 1000 }), SIGNAL)
  for (const iface of ifaces) await ours.addInterface(iface, 'tunnel')
  return () => ours.stop()
}

/** Waits until its processes do next to nothing. @returns what they have used */
function calmCpuOf(namespace: Namespace): Promise<number> {
  return waitFor(
    async () => {
      const before = cpuOf(namespace)
      await systemClock.sleep(CALM_MS)
      const now = cpuOf(namespace)
      return now - before < CALM_SECONDS ? now : undefined
    },
    { what: 'a router that has done its work', deadlineMs: DEADLINE_MS },
  )
}

/** All programs of a namespace of ours are the router's. */
const pidsOf = ({ name }: Namespace): readonly number[] =>
  execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).split('\n').map(Number).filter(Boolean)

const cpuOf = (namespace: Namespace): number => cpuSeconds(pidsOf(namespace))

const memoryOf = (namespace: Namespace): number =>
  pidsOf(namespace).reduce((sum, pid) => sum + memoryMb(pid, 'Pss'), 0)

/** How many routes to IPv6 destinations its kernel has; unlike a list of them, that costs nothing. */
function routesOf(namespace: Namespace): number {
  const [, , , entries = ''] = namespace.run('cat', '/proc/net/rt6_stats').split(' ')
  return Number.parseInt(entries, 16)
}

function droppedBySockets(namespace: Namespace): number {
  const sockets = namespace.run('cat', '/proc/net/udp6').trim().split('\n').slice(1)
  return sockets.reduce((sum, line) => sum + Number(line.trim().split(/\s+/).at(-1)), 0)
}

function linkLocalOf(namespace: Namespace, iface: string): string {
  const [, address] = /inet6 (fe80::\S+)\//.exec(namespace.ip(`-6 addr show dev ${iface}`)) ?? []
  if (address === undefined) throw new Error(`no address on ${iface}`)
  return address
}

/** The part of the section, as Markdown. */
export const fullTablesReport = (
  results: readonly FullTablesResult[],
): string => `The same for whole routers, each alone with its kernel: a process plays the neighbours and tells everything within a second, and
then once a minute. Hello interval ${HELLO_SECONDS} s, also of the neighbours, no MACs; babeld is started as Python nodes start it. Memory is
more than with the same neighbours and no routes.

${table(
  [
    'router',
    'all in the kernel after',
    'processor time until calm',
    'packets without room',
    'memory',
    'processor time of a calm minute',
  ],
  results.map(({ router, installedSeconds, processorSeconds, lostPackets, memoryMb, steadySeconds }) => [
    router,
    `${installedSeconds.toFixed(1)} s`,
    `${processorSeconds.toFixed(1)} s`,
    String(lostPackets),
    `${memoryMb.toFixed(0)} MB`,
    `${steadySeconds.toFixed(2)} s`,
  ]),
)}`
