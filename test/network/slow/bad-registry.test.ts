import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Lab, withLab } from '../../../lab/lab.ts'
import { PingMonitor } from '../../../lab/pings.ts'
import { memoryMb } from '../../../lab/process-cost.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS, pings, statusOf, tunnelsOf } from '../../support/networks.ts'
import { type RogueRegistry, rogueRegistry } from '../../support/rogue-registry.ts'
import type { RogueBehaviour } from '../../support/rogue-registry-process.ts'

const TIMEOUT_MS = 1_200_000
/** More than a time-out of the registry. */
const SILENCE_MS = 60_000 + DEADLINE_MS

/** What a node says to each kind of bad registry. */
const FAULTS: readonly (readonly [RogueBehaviour, RegExp])[] = [
  ['garbage', /what answers there does not speak HTTP: is --registry right\?/],
  ['garbage-in-http', /its hello is not signed by our CA: is --registry right\?/],
  ['half-body', /the answer was cut off/],
  ['endless-body', /the answer is longer than \d+ bytes/],
  ['wrong-hmac', /the answer is not from our registry \(its HMAC is wrong\)/],
  ['status-500', /it failed \(status 500\)/],
  ['redirect', /moved to http:.*\(status 302\): give --registry the new URL/],
  [
    'wrong-types',
    /the network configuration cannot be used: .*client_count is not a number that makes sense/,
  ],
  [
    'wrong-signature',
    /the network configuration cannot be used: the network version is not signed by the CA/,
  ],
]

/** A node whose registry may do what it likes. */
interface Victim {
  readonly node: Re6stNode
  readonly registry: RogueRegistry
}

async function victim(lab: Lab, network: Re6stNetwork, name: string): Promise<Victim> {
  const node = await network.enrol(await lab.host(name))
  const keyFile = path.join(node.configurationDirectory, 'cert.key')
  return { node, registry: await rogueRegistry(node.machine, network.registryUrl, keyFile) }
}

const start = ({ node, registry }: Victim) => node.start('--registry', registry.url)

const linesOf = ({ node }: Victim): readonly string[] => node.logLines()

const complaints = (lines: readonly string[]): string[] => lines.filter((line) => / (WARN|ERROR) /.test(line))

/** Waits for a line in its log, after the first `from`. */
const logs = (lab: Lab, one: Victim, pattern: RegExp, from: number, deadlineMs = DEADLINE_MS) =>
  lab.waitFor(
    () =>
      linesOf(one)
        .slice(from)
        .some((line) => pattern.test(line)),
    {
      what: `${one.node.name} to log ${pattern}`,
      deadlineMs,
    },
  )

async function triesAgain(lab: Lab, { registry }: Victim): Promise<void> {
  const before = registry.requests.length
  await lab.waitFor(() => registry.requests.length > before, {
    what: 'another try',
    deadlineMs: DEADLINE_MS,
  })
}

describe('a node that runs', { timeout: TIMEOUT_MS }, () => {
  test('goes on whatever its registry answers, says once what is wrong, and takes the news when it can', () =>
    withLab({ name: 'bad-registry' }, async (lab) => {
      const registryOn = await lab.host('registry')
      const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds: 2 })
      const own = await network.join(registryOn)
      const silenced = await victim(lab, network, 'silenced')
      const misled = [await victim(lab, network, 'one'), await victim(lab, network, 'two')]
      const victims = [silenced, ...misled]
      for (const each of victims) start(each)
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })

      const pids = victims.map(({ node }) => node.daemon?.pid ?? 0)
      const memory = () => pids.map((pid) => memoryMb(pid, 'Anonymous'))
      const memoryBefore = memory()
      const monitors = victims.map(({ node }) => new PingMonitor(own.machine, node.address))
      for (const each of monitors)
        await lab.waitFor(() => each.steadyMs > 1_000, { what: 'steady pings', deadlineMs: DEADLINE_MS })
      for (const each of monitors) each.reset()
      let versions = 0
      /** The registry has another configuration, and all hear of that. */
      const makeNews = async () => {
        await network.stopRegistry()
        await network.startRegistry('--tunnel-refresh', `${300 + ++versions}`)
      }

      // This one waits for an answer all the while.
      const silencedFrom = linesOf(silenced).length
      silenced.registry.behave('silence')
      for (let round = 0; round < FAULTS.length; round += misled.length) {
        const cases = misled.flatMap((each, index) => {
          const fault = FAULTS[round + index]
          return fault ? [{ each, fault, from: linesOf(each).length }] : []
        })
        for (const { each, fault } of cases) each.registry.behave(fault[0])
        await makeNews()
        for (const { each, fault, from } of cases) {
          await logs(lab, each, fault[1], from)
          await triesAgain(lab, each)
        }
        for (const { each } of cases) each.registry.behave('good')
        for (const { each, fault, from } of cases) {
          await logs(lab, each, /INFO +new network configuration changes=tunnel-limits/, from)
          const said = complaints(linesOf(each).slice(from))
          expect(said, fault[0]).toHaveLength(1)
          expect(said[0]).toMatch(fault[1])
          expect((await statusOf(each.node)).registry.lastError).toBeNull()
        }
      }
      expect((await statusOf(silenced.node)).connected).toBe(true)
      await logs(lab, silenced, /no whole answer within 60 s/, silencedFrom, SILENCE_MS)
      expect((await statusOf(silenced.node)).registry.lastError).toMatch(/no whole answer within 60 s/)
      silenced.registry.behave('good')
      await logs(lab, silenced, /INFO +new network configuration/, silencedFrom, SILENCE_MS)
      expect(complaints(linesOf(silenced).slice(silencedFrom))).toHaveLength(1)

      for (const each of monitors) expect((await each.stop()).longestGapMs).toBeLessThan(3_000)
      for (const [index, after] of memory().entries())
        expect(after - (memoryBefore[index] ?? 0)).toBeLessThan(40)
      const marks = victims.map((each) => linesOf(each).length)
      await network.callRegistry('updateHMAC')
      for (const [index, each] of victims.entries()) {
        await logs(lab, each, /INFO +new network configuration changes=.*mac-keys/, marks[index] ?? 0)
        expect(each.node.daemon?.end).toBeUndefined()
        expect(await tunnelsOf(each.node)).not.toEqual([])
      }
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    }))
})

describe('a node that starts', { timeout: TIMEOUT_MS }, () => {
  test('waits for its registry without a cache and says why, does without it with one; re6st-conf says what is wrong', () =>
    withLab({ name: 'bad-registry-start' }, async (lab) => {
      const registryOn = await lab.host('registry')
      const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds: 2 })
      const own = await network.join(registryOn)

      const machine = await lab.host('new')
      const rogue = await rogueRegistry(machine, network.registryUrl, path.join(machine.directory, 'none'))
      const enrol = () => network.enrol(machine, { options: ['--registry', rogue.url] })
      for (const [behaviour, complaint] of [
        ['garbage', /does not speak HTTP/],
        ['half-body', /the answer was cut off/],
        ['endless-body', /the answer is longer than/],
        ['status-500', /it failed \(status 500\)/],
        ['redirect', /moved to http:/],
      ] as const) {
        rogue.behave(behaviour)
        await expect(enrol(), behaviour).rejects.toThrow(complaint)
      }
      rogue.behave('good')
      await enrol()

      const one = await victim(lab, network, 'one')
      one.registry.behave('garbage-in-http')
      start(one)
      await logs(
        lab,
        one,
        /WARN .*the registry gives no configuration .*its hello is not signed by our CA/,
        0,
      )
      await triesAgain(lab, one)
      expect(complaints(linesOf(one))).toHaveLength(1)
      one.registry.behave('good')
      await pings(lab, one.node.machine, own.address)

      // It knows the network, and whom to connect to.
      for (const behaviour of ['garbage', 'endless-body', 'silence'] as const) {
        await one.node.stop()
        one.registry.behave(behaviour)
        start(one)
        await pings(lab, one.node.machine, own.address)
      }
    }))
})
