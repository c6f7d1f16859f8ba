import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { withLab } from '../lab/lab.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { controlSocketIn } from '../src/core/options/node-options.ts'
import { firstAddress } from '../src/core/values/prefix.ts'
import { askNode } from '../src/ctl/ask.ts'
import { systemClock } from '../src/platform/clock.ts'
import type { HostileOrder } from '../test/support/hostile-sender.ts'
import type { HelloTime } from './hello-times.ts'
import type { BenchOptions } from './options.ts'
import { percentile } from './statistics.ts'
import { table } from './table.ts'

/** How long after their time hellos left. */
export interface PunctualResult {
  /** What else the node had to do. */
  readonly what: string
  readonly hellos: number
  /** Of these hellos, those that left within 50 ms of their time. */
  readonly inTime: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly mostMs: number
}

const IN_TIME_MS = 50
const TARGET_PERCENT = 99.9
/** Each says a hello a second: a few minutes tell of thousands. */
const INTERFACES = 20
const HELLO_SECONDS = 1
const MINUTES = 2
const MINUTE_MS = 60_000
const DEADLINE_MS = 180_000
/** From when all pairs ping. */
const SETTLE_MS = 20_000
const FORGED_PER_SECOND = 1_000
const QUESTION_PAUSE_MS = 100
const KEYS_PAUSE_MS = 15_000
const HOOK = fileURLToPath(new URL('hello-times.ts', import.meta.url))
const SENDER = fileURLToPath(new URL('../test/support/hostile-sender.ts', import.meta.url))

/** A node of three, when it is calm and when it has much to do. */
export function measurePunctuality({ minutes = MINUTES }: BenchOptions): Promise<readonly PunctualResult[]> {
  return withLab({ name: 'punctual' }, async (lab) => {
    const registryOn = await lab.host('registry')
    const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds: HELLO_SECONDS })
    await network.join(registryOn)
    const stranger = await network.join(await lab.host('stranger'))
    const observed = await network.enrol(await lab.host('observed'))
    const timesFile = await startObserved(observed)
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    await systemClock.sleep(SETTLE_MS)

    const rounds: { what: string; startMs: number; endMs: number }[] = []
    const round = async (what: string, busy: (endMs: number) => readonly Promise<unknown>[]) => {
      const startMs = systemClock.now()
      const endMs = startMs + minutes * MINUTE_MS
      await Promise.all([systemClock.sleep(endMs - startMs), ...busy(endMs)])
      rounds.push({ what, startMs, endMs })
    }
    await round('nothing', () => [])
    await round('forged certificates, questions, new keys', (endMs) => [
      forge(stranger, observed, minutes * MINUTE_MS),
      repeat(endMs, QUESTION_PAUSE_MS, async () => {
        const socket = controlSocketIn(observed.runDirectory)
        await askNode(socket, 'status', DEADLINE_MS)
        await askNode(socket, 'routes', DEADLINE_MS)
      }),
      repeat(endMs, KEYS_PAUSE_MS, () => network.callRegistry('updateHMAC')),
    ])
    await observed.stop()
    const times = JSON.parse(readFileSync(timesFile, 'utf8')) as readonly HelloTime[]
    return rounds.map(({ what, startMs, endMs }) =>
      resultOf(
        what,
        times.filter(({ leftMs }) => leftMs >= startMs && leftMs < endMs).map(({ lateMs }) => lateMs),
      ),
    )
  })
}

/** Its log tells everything. @returns where it writes at its end when its hellos left */
async function startObserved(node: Re6stNode): Promise<string> {
  const { machine } = node
  const ifaces = Array.from({ length: INTERFACES }, (_, number) => `lan${number}`)
  for (const iface of ifaces) {
    // The kernel of some machines has no dummy interfaces: a cable of which the other end is nobody's.
    await machine.run('ip', 'link', 'add', iface, 'type', 'veth', 'peer', 'name', `${iface}-end`)
    for (const end of [iface, `${iface}-end`]) await machine.run('ip', 'link', 'set', end, 'up')
  }
  const hook = path.join(machine.directory, 'hello-times.mjs')
  buildSync({ entryPoints: [HOOK], outfile: hook, bundle: true, platform: 'node', format: 'esm' })
  const timesFile = path.join(machine.directory, 'hello-times.json')
  node.under = ['env', `NODE_OPTIONS=--import=${hook}`, `RE6ST_HELLO_TIMES=${timesFile}`]
  node.start('--router', 're6st', '--verbose', '4', ...ifaces.flatMap((iface) => ['--interface', iface]))
  return timesFile
}

/** Each has to be looked at to know that it is none. */
async function forge(from: Re6stNode, to: Re6stNode, overMs: number): Promise<void> {
  const order: HostileOrder = {
    to: firstAddress(to.network, to.prefix),
    from: [from.address],
    certificateFile: from.certificateFile,
    perSecond: FORGED_PER_SECOND,
    rounds: [{ kind: 'hello0', count: (FORGED_PER_SECOND * overMs) / 1_000 }],
  }
  const sender = from.machine.start(
    ['nice', '-n', '19', process.execPath, '--import', 'tsx', SENDER, JSON.stringify(order)],
    { directory: process.cwd() },
  )
  await systemClock.sleep(overMs)
  await sender.stop()
}

async function repeat(endMs: number, pauseMs: number, action: () => Promise<unknown>): Promise<void> {
  while (systemClock.now() < endMs) {
    await action()
    await systemClock.sleep(pauseMs)
  }
}

const resultOf = (what: string, lateMs: readonly number[]): PunctualResult => ({
  what,
  hellos: lateMs.length,
  inTime: lateMs.filter((ms) => ms <= IN_TIME_MS).length,
  p99Ms: percentile(lateMs, 0.99),
  p999Ms: percentile(lateMs, 0.999),
  mostMs: Math.max(0, ...lateMs),
})

/** Of the round in which the fewest left in time; undefined: not measured. */
export function punctualPercent(results: readonly PunctualResult[] | undefined): number | undefined {
  const worst = Math.min(...(results ?? []).map(({ hellos, inTime }) => (100 * inTime) / hellos))
  return Number.isFinite(worst) ? worst : undefined
}

/** The section, as Markdown. */
export const punctualReport = (
  results: readonly PunctualResult[],
): string => `How long after their time hellos leave that a timer sends: of one node of three, on ${INTERFACES} interfaces besides its
tunnels, each with a hello in each ${HELLO_SECONDS} s, and a log that tells everything. In the second round it is sent ${FORGED_PER_SECOND} forged
certificates a second, asked for its status and its routes ten times a second, and the network's keys change every
${KEYS_PAUSE_MS / 1_000} s, which it writes into its database. The others, the registry and the sender are on the same processors. The target is
${TARGET_PERCENT} % within ${IN_TIME_MS} ms.

${table(
  ['what else it has to do', 'hellos', `within ${IN_TIME_MS} ms`, '99 %', '99.9 %', 'most'],
  results.map(({ what, hellos, inTime, p99Ms, p999Ms, mostMs }) => [
    what,
    String(hellos),
    `${((100 * inTime) / hellos).toFixed(2)} %`,
    ...[p99Ms, p999Ms, mostMs].map((ms) => `${ms.toFixed(1)} ms`),
  ]),
)}`
