import { fileURLToPath } from 'node:url'
import { withLab } from '../lab/lab.ts'
import { cpuSeconds, memoryMb, pidsOf } from '../lab/process-cost.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import { firstAddress } from '../src/core/values/prefix.ts'
import { systemClock } from '../src/platform/clock.ts'
import type { HostileKind, HostileOrder } from '../test/support/hostile-sender.ts'

/** What hostile datagrams cost a node, and whether others get through beside them. */
export interface FloodResult {
  readonly what: string
  readonly sentPerSecond: number
  /** Of one processor: the node process alone. */
  readonly cpuShare: number
  /** Anonymous memory of the node process. */
  readonly memoryBeforeMb: number
  readonly memoryAfterMb: number
  /** Questions of an honest node during the flood. */
  readonly asked: number
  readonly answered: number
}

interface Round {
  readonly what: string
  readonly kind: HostileKind
  readonly perSecond: number
  readonly count: number
}

const UNLIMITED = 1e9
const ROUNDS: readonly Round[] = [
  { what: 'nothing', kind: 'random', perSecond: 1, count: 10 },
  { what: '1,000 hello0 a second', kind: 'hello0', perSecond: 1_000, count: 10_000 },
  { what: '10,000 hello0 a second', kind: 'hello0', perSecond: 10_000, count: 100_000 },
  { what: 'hello0, as many as arrive', kind: 'hello0', perSecond: UNLIMITED, count: 200_000 },
  { what: 'random bytes, as many as arrive', kind: 'random', perSecond: UNLIMITED, count: 200_000 },
  { what: 'damaged datagrams, as many as arrive', kind: 'damaged', perSecond: UNLIMITED, count: 200_000 },
]
const SENDER = fileURLToPath(new URL('../test/support/hostile-sender.ts', import.meta.url))
const DEADLINE_MS = 180_000
/** The registry waits three seconds for an answer, and asks all at once. */
const QUESTION_PAUSE_MS = 200

/** One node of three floods another over its tunnel, from its own addresses and from somebody else's. */
export function measureFlood(): Promise<FloodResult[]> {
  return withLab({ name: 'flood' }, async (lab) => {
    const registryOn = await lab.host('registry')
    const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds: 4 })
    const own = await network.join(registryOn)
    const victim = await network.join(await lab.host('victim'))
    const attacker = await network.join(await lab.host('attacker'))
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    const [pid = 0] = await pidsOf(victim.machine, /re6stnet\.js/)
    const inSubnetOf = (address: string) => address.replace(/1$/, 'bad')
    const spoofed = [inSubnetOf(attacker.address), inSubnetOf(own.address)]
    for (const address of spoofed)
      await attacker.machine.run('ip', 'addr', 'add', `${address}/128`, 'dev', 'lo')
    const isAnswered = async () => {
      const versions = JSON.parse(await network.callRegistry('versions')) as Record<string, string | null>
      return typeof versions[victim.prefix] === 'string'
    }
    await lab.waitFor(isAnswered, { what: 'the first answer', deadlineMs: DEADLINE_MS })

    const results: FloodResult[] = []
    for (const { what, kind, perSecond, count } of ROUNDS) {
      const order: HostileOrder = {
        to: firstAddress(victim.network, victim.prefix),
        from: [attacker.address, ...spoofed],
        certificateFile: attacker.certificateFile,
        perSecond,
        rounds: [
          { kind, count: 1 },
          { kind, count },
        ],
      }
      const sender = attacker.machine.start(
        [process.execPath, '--import', 'tsx', SENDER, JSON.stringify(order)],
        { directory: process.cwd() },
      )
      await sender.line(new RegExp(`^${kind} 1 `), DEADLINE_MS)
      const memoryBeforeMb = memoryMb(pid, 'Anonymous')
      const cpuBefore = cpuSeconds([pid])
      const startMs = performance.now()
      let [asked, answered] = [0, 0]
      while (sender.end === undefined) {
        asked++
        answered += (await isAnswered()) ? 1 : 0
        await Promise.race([sender.ended, systemClock.sleep(QUESTION_PAUSE_MS)])
      }
      const seconds = (performance.now() - startMs) / 1_000
      const line = await sender.line(new RegExp(`^${kind} ${count} in \\d+ ms`), DEADLINE_MS)
      const sentMs = Number(/in (\d+) ms/.exec(line)?.[1])
      results.push({
        what,
        sentPerSecond: Math.round((1_000 * count) / sentMs),
        cpuShare: (cpuSeconds([pid]) - cpuBefore) / seconds,
        memoryBeforeMb,
        memoryAfterMb: memoryMb(pid, 'Anonymous'),
        asked,
        answered,
      })
    }
    return results
  })
}
