import { readFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { differences, type Footprint, footprintOf } from '../../../lab/footprint.ts'
import { type Lab, withLab } from '../../../lab/lab.ts'
import { missingPairs, PingMonitor, pingAllPairs } from '../../../lab/pings.ts'
import { commandOf, pidsOf } from '../../../lab/process-cost.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { isComplaint, type Re6stNode, TEST_ROUTER } from '../../../lab/re6st-node.ts'
import type { Random } from '../../../src/core/random.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import {
  DEADLINE_MS,
  eventsOf,
  hearsNews,
  isMeantToStay,
  nextHop,
  tunnelsOf,
  versionOf,
} from '../../support/networks.ts'
import { seededRandom } from '../../support/random.ts'
import { type SmallDisk, smallDisk } from '../../support/small-disk.ts'

/** Several restarts in each. */
const TIMEOUT_MS = 1_200_000
/** A peer that is silent for four of them is gone: long enough for a machine that has more to do. */
const HELLO_SECONDS = 2

/** Who has to find another way is without one for longer: for up to four hello intervals. */
const NOTICEABLE_MS = 3_000

const SERVER = /^openvpn .*--mode server/
const CLIENT = /^openvpn .*--client /
const BABELD = /^babeld /
/** What watches the kernel; with our own router, what writes its routes. */
const MONITOR = /^ip .*monitor /
const WRITER = /^ip -force -batch /
/** Those of which a node notices that they hang: it asks them, or they do not come to an end with what they were told. */
const DAEMONS = [TEST_ROUTER === 'babeld' ? BABELD : WRITER, SERVER, CLIENT] as const
const PROCESSES = [...DAEMONS, MONITOR] as const
/** Who speaks Babel: our own router is in the node. */
const ROUTER = TEST_ROUTER === 'babeld' ? BABELD : /re6stnet\.js /

/** Whom a fault befalls, and two who see it: each pair has a tunnel of its own, and nobody makes more. */
interface Triangle {
  readonly lab: Lab
  readonly network: Re6stNetwork
  /** The registry's node; it makes no tunnels. */
  readonly own: Re6stNode
  /** Makes a tunnel to `own`, and serves `two`. */
  readonly one: Re6stNode
  /** Has no servers. */
  readonly two: Re6stNode
  /** What was on the machine of `one` before it was started. */
  readonly before: Footprint
  /** Waits until all have the tunnels that they should, and ping each other. */
  isComplete(after: string): Promise<void>
  /** Waits until what `own` and `two` send each other does not go through `one`. */
  isDirect(): Promise<void>
  /** Waits until `one` has complained once more than it had when this was called last. */
  complains(what: string): Promise<void>
  /** All that the log of `one` has. */
  log(): string[]
}

/** Their programs, without `ip` that does something once, or ends when it has had nothing to do for a while. */
const lasting = (processes: readonly string[]): string[] =>
  processes
    .filter((line) => !/^ip /.test(line) || MONITOR.test(line))
    .map((line) => line.split(' ', 1).join())
    .sort()

/** Runs a scenario in such a network. @param prepare given `one` before it is started; how its log is read then */
function withTriangle(
  name: string,
  prepare: (one: Re6stNode) => Promise<(file: string) => Buffer>,
  scenario: (triangle: Triangle) => Promise<void>,
): Promise<void> {
  return withLab({ name }, async (lab) => {
    const registryOn = await lab.host('registry')
    const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds: HELLO_SECONDS })
    const own = await network.join(registryOn, { nodeOptions: ['--client-count', '0'] })
    const one = await network.enrol(await lab.host('one'))
    const read = await prepare(one)
    const before = await footprintOf(one.machine)
    one.start()
    const neighbours = [own, one].flatMap(({ subnetName }) => ['--neighbour', subnetName])
    const two = await network.join(await lab.host('two'), {
      nodeOptions: ['--max-clients', '0', ...neighbours],
    })
    const log = () => read(one.logFile).toString().split('\n').filter(Boolean)
    let heard = 0
    const peersOf = async (node: Re6stNode) =>
      (await tunnelsOf(node)).map(({ direction, peer }) => `${direction} ${peer}`).sort()
    const wanted = new Map([
      [own, [`server ${one.subnetName}`, `server ${two.subnetName}`]],
      [one, [`client ${own.subnetName}`, `server ${two.subnetName}`]],
      [two, [`client ${own.subnetName}`, `client ${one.subnetName}`]],
    ])
    const triangle: Triangle = {
      ...{ lab, network, own, one, two, before, log },
      async isComplete(after) {
        for (const [node, peers] of wanted)
          await lab.waitFor(
            async () => {
              const found = await peersOf(node)
              if (found.join() === peers.join()) return true
              throw new Error(`it has ${found.join(', ')}`)
            },
            { what: `all tunnels of ${node.name} after ${after}`, deadlineMs: 2 * DEADLINE_MS },
          )
        await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })
      },
      async isDirect() {
        for (const [from, to] of [
          [own, two],
          [two, own],
        ] as const)
          await lab.waitFor(async () => (await nextHop(from, to, network.nodes)) === to, {
            what: `${from.name} to send straight to ${to.name}`,
            deadlineMs: 2 * DEADLINE_MS,
          })
      },
      async complains(what) {
        const complaints = () => log().filter(isComplaint)
        await lab.waitFor(() => complaints().length > heard, {
          what: `${one.name} to tell its operator that ${what}`,
          deadlineMs: 2 * DEADLINE_MS,
        })
        heard = complaints().length
      },
    }
    await triangle.isComplete('the start')
    heard = log().filter(isComplaint).length
    await scenario(triangle)
  })
}

const ordinary = async () => readFileSync

const signalAll = async (node: Re6stNode, pattern: RegExp, signal: NodeJS.Signals): Promise<number[]> => {
  const pids = await pidsOf(node.machine, pattern)
  for (const pid of pids) process.kill(pid, signal)
  return pids
}

/** Pings that went on all the time. */
async function steadyPings(lab: Lab, from: Re6stNode, to: Re6stNode): Promise<PingMonitor> {
  const pings = new PingMonitor(from.machine, to.address)
  await lab.waitFor(() => pings.steadyMs > 1_000, { what: 'steady pings', deadlineMs: DEADLINE_MS })
  pings.reset()
  return pings
}

/**
 * Waits until `one` has all daemons, and all ping each other. Not all tunnels need be there: who finds a server closed
 * again and again takes more and more time until the next try.
 */
async function hasDaemons({ lab, network, one }: Triangle, after: string): Promise<void> {
  await lab.waitFor(
    async () =>
      (await Promise.all(PROCESSES.map((pattern) => pidsOf(one.machine, pattern)))).every(
        (pids) => pids.length === 1,
      ),
    { what: `all processes after ${after}`, deadlineMs: 2 * DEADLINE_MS },
  )
  await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })
}

describe('a running node', { timeout: TIMEOUT_MS }, () => {
  test('goes on when its clock is set back and forward by a day', () => {
    let setClock: (offset: string) => void = () => {}
    const prepare = async (one: Re6stNode) => {
      const clock = fakeClock(one.machine)
      one.under = clock.under
      setClock = clock.set
      return readFileSync
    }
    return withTriangle(
      'clock',
      prepare,
      async ({ lab, network, own, one, two, isComplete, complains, log }) => {
        const answersRegistry = () =>
          lab.waitFor(async () => JSON.parse(await network.callRegistry('versions'))[one.prefix] !== null, {
            what: `${one.name} to answer the registry`,
            deadlineMs: 2 * DEADLINE_MS,
          })
        const hasNewKeys = async () => {
          const version = await versionOf(one)
          await network.callRegistry('updateHMAC')
          await hearsNews(lab, one, version)
        }
        const sinces = async () => (await tunnelsOf(one)).map(({ iface, since }) => `${iface} ${since}`)
        const pings = [await steadyPings(lab, own, one), await steadyPings(lab, two, one)]
        const before = await sinces()

        setClock('-1d')
        await complains('its clock was set back')
        await answersRegistry()
        expect(await sinces()).toEqual(before)
        for (const each of pings) expect((await each.measured()).longestGapMs).toBeLessThan(NOTICEABLE_MS)

        // A new tunnel cannot be: the certificates are from the future. The other one is enough.
        const last = (await eventsOf(one)).at(-1)?.number
        await signalAll(one, CLIENT, 'SIGKILL')
        await lab.waitFor(
          async () => (await eventsOf(one, last)).some(({ kind }) => kind === 'tunnel-failed'),
          { what: 'a new tunnel to fail', deadlineMs: 2 * DEADLINE_MS },
        )
        await network.allPairsPing({ deadlineMs: DEADLINE_MS })

        setClock('+0')
        await complains('its clock was set forward')
        await isComplete('the clock was right again')

        setClock('+1d')
        await complains('its clock was set forward')
        await hasNewKeys()
        await isComplete('the clock was set forward')
        await answersRegistry()
        const ahead = await sinces()

        setClock('+0')
        await complains('its clock was set back')
        expect(await sinces()).toEqual(ahead)
        await hasNewKeys()
        await isComplete('the clock was right once more')
        await answersRegistry()

        expect(one.daemon?.end).toBeUndefined()
        expect(log().filter((line) => / (INFO |WARN|ERROR) /.test(line)).length).toBeLessThan(80)
        expect(log().filter(isComplaint)).toHaveLength(4)
      },
    )
  })

  test('goes on when its disk is full, and loses nothing but lines of its log', () => {
    let disk: SmallDisk | undefined
    const prepare = async (one: Re6stNode) => {
      const made = await smallDisk(one.machine)
      disk = made
      one.under = made.under
      return made.read
    }
    return withTriangle('disk-full', prepare, async ({ lab, network, own, one, two, isComplete, log }) => {
      if (!disk) throw new Error('there is no disk')
      const { fill, clear, read } = disk
      const cached = () => {
        const database = new Database(read(`${one.stateDirectory}/cache.db`))
        const values = database.prepare('SELECT value FROM config ORDER BY name').pluck().all()
        const peers = database.prepare('SELECT prefix FROM peer').pluck().all()
        database.close()
        return { version: String(values), peers }
      }
      const certificate = read(one.certificateFile)
      await lab.waitFor(() => cached().peers.includes(own.prefix), {
        what: 'what the start has learnt to be written',
        deadlineMs: DEADLINE_MS,
      })
      const before = cached()

      const pings = await steadyPings(lab, two, one)
      await fill()
      const version = await versionOf(two)
      await network.callRegistry('updateHMAC')
      await hearsNews(lab, two, version)
      expect((await pings.stop()).longestGapMs).toBeLessThan(NOTICEABLE_MS)
      await signalAll(two, CLIENT, 'SIGKILL')
      await isComplete('its disk was full')
      expect(cached()).toEqual(before)

      // What is killed comes back when there is space, at the latest.
      for (const pattern of PROCESSES) await signalAll(one, pattern, 'SIGKILL')
      await clear()
      const ofLostLines = () => log().filter((line) => isComplaint(line) && / omitted=\d+/.test(line))
      await lab.waitFor(() => ofLostLines().length > 0, {
        what: 'the lines to be counted that are not in its log',
        deadlineMs: 2 * DEADLINE_MS,
      })
      await lab.waitFor(() => cached().version !== before.version, {
        what: 'its cache to be written again',
        deadlineMs: 2 * DEADLINE_MS,
      })
      await isComplete('its disk had space again')
      expect(one.daemon?.end).toBeUndefined()
      expect(ofLostLines().length).toBeLessThan(3)

      // A new start says what it lacks, and works when it has that.
      await fill()
      expect(await one.stop()).toEqual({ kind: 'exited', status: 0 })
      await fill()
      const refused = one.start()
      expect(await refused.ended).toMatchObject({ kind: 'exited' })
      expect(refused.lastLines().at(-1)).toMatch(/^re6stnet: \S.*no space left/)
      await clear()
      one.start()
      await isComplete('it was started again')
      expect(read(one.certificateFile)).toEqual(certificate)
      expect(log().length).toBeLessThan(500)
    })
  })

  test('has its daemons back in whatever order they are killed, and the others notice nothing', () =>
    withTriangle('killed', ordinary, async (triangle) => {
      const { lab, own, one, two, isDirect, log } = triangle
      const random = seededRandom(1)
      const { processes, interfaces } = await footprintOf(one.machine)
      await isDirect()
      const pings = await steadyPings(lab, two, own)
      for (let round = 1; round <= 4; round++) {
        const order = shuffled(PROCESSES, random)
        for (const pattern of order) await signalAll(one, pattern, 'SIGKILL')
        await hasDaemons(triangle, `round ${round}: ${order.map(String).join(', ')}`)
      }
      expect((await pings.stop()).longestGapMs).toBeLessThan(NOTICEABLE_MS)
      expect(one.daemon?.end).toBeUndefined()
      expect(log().filter((line) => / (INFO |WARN|ERROR) /.test(line)).length).toBeLessThan(100)
      // Clients may have another interface, and with it another command line.
      const after = await footprintOf(one.machine)
      expect(lasting(after.processes)).toEqual(lasting(processes))
      expect(after.interfaces).toHaveLength(interfaces.length)

      await one.killHard()
      one.start()
      await hasDaemons(triangle, 'the end of the node')
    }))

  test('has its daemons back when they stood still for a while', () =>
    withTriangle('standstill', ordinary, async ({ lab, own, one, two, isComplete, isDirect, log }) => {
      const isCutOff = async () => missingPairs(await pingAllPairs([own, one], 500)).length === 2
      const hasNoTunnel = (node: Re6stNode) => async () =>
        !(await tunnelsOf(node)).some(({ peer }) => peer === one.subnetName)
      const pings = await steadyPings(lab, two, own)
      for (const [pattern, isNoticed] of [
        [SERVER, hasNoTunnel(two)],
        [CLIENT, hasNoTunnel(own)],
        [ROUTER, isCutOff],
      ] as const) {
        await isDirect()
        const pids = await signalAll(one, pattern, 'SIGSTOP')
        expect(pids).not.toEqual([])
        await lab.waitFor(isNoticed, {
          what: `the others to notice that ${pattern} stands still`,
          deadlineMs: 2 * DEADLINE_MS,
        })
        for (const pid of pids) process.kill(pid, 'SIGCONT')
        await isComplete(`${pattern} stood still`)
      }
      expect((await pings.stop()).longestGapMs).toBeLessThan(NOTICEABLE_MS)
      expect(one.daemon?.end).toBeUndefined()
      expect(log().filter((line) => / (INFO |WARN|ERROR) /.test(line)).length).toBeLessThan(60)
    }))

  test('ends daemons that hang, has others in their place, and can be stopped while they hang', () =>
    withTriangle('hanging', ordinary, async (triangle) => {
      const { lab, own, one, two, before, isDirect, log } = triangle
      await isDirect()
      const pings = await steadyPings(lab, two, own)
      const hang = async (patterns: readonly RegExp[]) =>
        (await Promise.all(patterns.map((pattern) => signalAll(one, pattern, 'SIGSTOP')))).flat()
      const last = (await eventsOf(one)).at(-1)?.number
      const hanging = await hang(DAEMONS)
      expect(hanging).toHaveLength(DAEMONS.length)
      // Whether they answer is looked at once or twice a minute.
      await lab.waitFor(() => hanging.every((pid) => commandOf(pid) === ''), {
        what: 'the daemons that hang to be ended',
        deadlineMs: 3 * DEADLINE_MS,
      })
      await hasDaemons(triangle, 'daemons hung')
      const happened = (await eventsOf(one, last)).map(({ kind }) => kind)
      expect(happened).toContain('tunnel-down')
      if (TEST_ROUTER === 'babeld') expect(happened).toContain('router-restarted')
      expect(log().filter((line) => / (INFO |WARN|ERROR) /.test(line)).length).toBeLessThan(60)

      await hang(PROCESSES)
      expect(await one.stop(30_000)).toEqual({ kind: 'exited', status: 0 })
      expect((await pings.stop()).longestGapMs).toBeLessThan(NOTICEABLE_MS)
      const left = differences(before, await footprintOf(one.machine))
      expect(left.filter((line) => !isMeantToStay(line))).toEqual([])
    }))
})

const shuffled = <T>(all: readonly T[], random: Random): T[] =>
  all
    .map((one) => ({ one, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ one }) => one)
