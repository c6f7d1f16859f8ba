import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Lab, withLab } from '../../../lab/lab.ts'
import { PingMonitor } from '../../../lab/pings.ts'
import { memoryMb } from '../../../lab/process-cost.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS, hearsNews, pings, statusOf, tunnelsOf, versionOf } from '../../support/networks.ts'
import { type RogueRegistry, rogueRegistry } from '../../support/rogue-registry.ts'
import type { RogueBehaviour } from '../../support/rogue-registry-process.ts'

const TIMEOUT_MS = 1_200_000
/** More than a time-out of the registry. */
const SILENCE_MS = 30_000 + DEADLINE_MS

/** What the status of a node says of each kind of bad registry; undefined: it answers, and what it gives is of no use. */
const FAULTS: readonly (readonly [RogueBehaviour, RegExp | undefined])[] = [
  ['garbage', /what answers there does not speak HTTP: is --registry right\?/],
  ['garbage-in-http', /its hello is not signed by our CA: is --registry right\?/],
  ['half-body', /the answer was cut off/],
  ['endless-body', /the answer is longer than \d+ bytes/],
  ['wrong-hmac', /the answer is not from our registry \(its HMAC is wrong\)/],
  ['status-500', /it failed \(status 500\)/],
  ['redirect', /moved to http:.*\(status 302\): give --registry the new URL/],
  ['wrong-types', undefined],
  ['wrong-signature', undefined],
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

/** Waits until its status says this of its registry. */
const fails = (lab: Lab, { node }: Victim, pattern: RegExp, deadlineMs = DEADLINE_MS) =>
  lab.waitFor(async () => pattern.test((await statusOf(node)).registry.lastError ?? ''), {
    what: `the status of ${node.name} to say ${pattern}`,
    deadlineMs,
  })

/** Waits until it has complained so often. */
const complains = (lab: Lab, { node }: Victim, count: number, deadlineMs = DEADLINE_MS) =>
  lab.waitFor(() => node.complaints().length >= count, {
    what: `${node.name} to complain for the ${count}. time`,
    deadlineMs,
  })

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
      const silencedFrom = {
        version: await versionOf(silenced.node),
        complaints: silenced.node.complaints().length,
      }
      silenced.registry.behave('silence')
      for (let round = 0; round < FAULTS.length; round += misled.length) {
        const cases: { each: Victim; fault: (typeof FAULTS)[number]; version: string; complaints: number }[] =
          []
        for (const [index, each] of misled.entries()) {
          const fault = FAULTS[round + index]
          const complaints = each.node.complaints().length
          if (fault) cases.push({ each, fault, complaints, version: await versionOf(each.node) })
        }
        for (const { each, fault } of cases) each.registry.behave(fault[0])
        await makeNews()
        for (const { each, fault, complaints } of cases) {
          await complains(lab, each, complaints + 1)
          if (fault[1]) await fails(lab, each, fault[1])
          await triesAgain(lab, each)
        }
        for (const { each } of cases) each.registry.behave('good')
        for (const { each, fault, version, complaints } of cases) {
          await hearsNews(lab, each.node, version)
          expect(each.node.complaints().slice(complaints), fault[0]).toHaveLength(1)
          expect((await statusOf(each.node)).registry.lastError).toBeNull()
        }
      }
      expect((await statusOf(silenced.node)).connected).toBe(true)
      await fails(lab, silenced, /no answer within 30 s/, SILENCE_MS)
      // What it waits for next is cut off when the registry is good again, which is another complaint.
      expect(silenced.node.complaints().slice(silencedFrom.complaints)).toHaveLength(1)
      silenced.registry.behave('good')
      await lab.waitFor(async () => (await versionOf(silenced.node)) !== silencedFrom.version, {
        what: 'the one without an answer to have the news',
        deadlineMs: SILENCE_MS,
      })

      for (const each of monitors) expect((await each.stop()).longestGapMs).toBeLessThan(3_000)
      for (const [index, after] of memory().entries())
        expect(after - (memoryBefore[index] ?? 0)).toBeLessThan(40)
      const known = await Promise.all(victims.map(({ node }) => versionOf(node)))
      await network.callRegistry('updateHMAC')
      for (const [index, each] of victims.entries()) {
        await hearsNews(lab, each.node, known[index] ?? '')
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
      await complains(lab, one, 1)
      // Whoever started it by hand is told, too.
      const told = /^re6stnet: WARNING: the registry gives no configuration/
      await lab.waitFor(() => one.node.daemon?.lastLines().some((line) => told.test(line)), {
        what: 'the node to say what it waits for',
        deadlineMs: DEADLINE_MS,
      })
      await triesAgain(lab, one)
      expect(one.node.complaints()).toHaveLength(1)
      // It does not run yet: it knows no network.
      await expect(statusOf(one.node)).rejects.toThrow()
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
