import { describe, expect, test } from 'vitest'
import { differences, footprintOf } from '../../../lab/footprint.ts'
import { withLab } from '../../../lab/lab.ts'
import { missingPairs, PingMonitor, pingAllPairs } from '../../../lab/pings.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { DEADLINE_MS, hearsNews, isMeantToStay, versionOf, withNetwork } from '../../support/networks.ts'

describe('the network in operation', () => {
  test('a revoked node is shut out, and only that one', () =>
    withNetwork('revoked', { nodeCount: 3 }, async ({ lab, network, nodes }) => {
      const revoked = nodes[1]
      const others = nodes.filter((node) => node !== revoked)
      if (!revoked) throw new Error('the network has too few nodes')
      const before = await versionOf(nodes[0])
      await network.callRegistry('revoke', { cn_or_serial: revoked.subnetName })
      // As long as one of them has not heard of it, packets find a way over that one.
      for (const node of others) await hearsNews(lab, node, before)
      const isOut = async () => missingPairs(await pingAllPairs([nodes[0], revoked], 500)).length === 2
      await lab.waitFor(isOut, { what: `${revoked.name} to be shut out`, deadlineMs: DEADLINE_MS })
      await network.allPairsPing({ nodes: others, deadlineMs: DEADLINE_MS })
      // And it stays out.
      expect(await isOut()).toBe(true)
    }))

  test('keys rotate through all steps without a lost ping', () =>
    withNetwork('rotation', { nodeCount: 2 }, async ({ lab, network, nodes }) => {
      const [own, one] = nodes
      if (!one) throw new Error('the network has too few nodes')
      const pings = new PingMonitor(one.machine, own.address)
      await lab.waitFor(() => pings.steadyMs > 500, { what: 'steady pings', deadlineMs: DEADLINE_MS })
      pings.reset()
      for (let step = 1; step <= 3; step++) {
        const before = await versionOf(own)
        await network.callRegistry('updateHMAC')
        for (const node of nodes) await hearsNews(lab, node, before)
        await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      }
      const { sent, received } = await pings.stop()
      expect(sent).toBeGreaterThan(20)
      expect(sent - received).toBe(0)
    }))

  test('a node with an expired certificate renews it', () =>
    withNetwork('expired', { nodeCount: 2 }, async ({ network, nodes }) => {
      const expired = nodes[1]
      if (!expired) throw new Error('the network has too few nodes')
      await expired.stop()
      await network.expireCertificate(expired)
      const before = expired.certificate.serialNumber
      expect(Date.parse(expired.certificate.validTo)).toBeLessThan(Date.now())
      expired.start()
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      expect(Date.parse(expired.certificate.validTo)).toBeGreaterThan(Date.now())
      expect(expired.certificate.serialNumber).not.toBe(before)
    }))

  test('stopping leaves nothing behind, also after kill -9 and a new start', () =>
    withLab({ name: 'footprint' }, async (lab) => {
      const registryOn = await lab.host('registry')
      const machine = await lab.host('n1')
      const network = await Re6stNetwork.create(lab, { registryOn })
      await network.join(registryOn)
      const node = await network.enrol(machine)
      const before = await footprintOf(machine)
      const leftAfterStop = async () => {
        const end = await node.stop()
        expect(end).toEqual({ kind: 'exited', status: 0 })
        return differences(before, await footprintOf(machine)).filter((line) => !isMeantToStay(line))
      }
      node.start('--multicast')
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      await lab.waitFor(async () => (await footprintOf(machine)).multicast.length > 0, {
        what: 'multicast routing',
        deadlineMs: DEADLINE_MS,
      })
      expect(await leftAfterStop()).toEqual([])
      node.start()
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      await node.killHard()
      node.start()
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      expect(await leftAfterStop()).toEqual([])
    }))
})
