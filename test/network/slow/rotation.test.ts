import { expect, test } from 'vitest'
import { missingPairs, pingAllPairs } from '../../../lab/pings.ts'
import { DEADLINE_MS, versionOf, withNetwork } from '../../support/networks.ts'

/** A node that was left behind is back this soon after it reaches the registry; the machine may be busy. */
const BACK_MS = 30_000

test('a node that was off while keys rotated many times is back as soon as it reaches the registry', () =>
  withNetwork('rotations-missed', { nodeCount: 3 }, async ({ lab, network, nodes }) => {
    const absent = nodes[3]
    if (!absent) throw new Error('the network has too few nodes')
    await absent.stop()
    const present = nodes.filter((node) => node !== absent)
    for (let step = 0; step < 7; step++) await network.callRegistry('updateHMAC')
    const version = async () => new Set(await Promise.all(present.map(versionOf)))
    await lab.waitFor(async () => (await version()).size === 1, {
      what: 'all nodes that are there to have the same version',
      deadlineMs: DEADLINE_MS,
    })
    await network.allPairsPing({ nodes: present, deadlineMs: DEADLINE_MS })
    const startedMs = performance.now()
    absent.start()
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    await lab.waitFor(async () => (await version()).has(await versionOf(absent)), {
      what: 'the one that was off to have the version of the others',
      deadlineMs: DEADLINE_MS,
    })
    expect(performance.now() - startedMs).toBeLessThan(BACK_MS)
  }))

test('revocation, new keys and more in quick succession reach all, also over tunnels that were just made anew', () =>
  withNetwork('news-in-succession', { nodeCount: 4 }, async ({ lab, network, nodes }) => {
    const [, one, two, three, revoked] = nodes
    if (!one || !two || !three || !revoked) throw new Error('the network has too few nodes')
    const others = nodes.filter((node) => node !== revoked)
    // Their tunnels, and what they know of each other's sessions, begin anew.
    await Promise.all([one.killHard(), two.killHard()])
    for (const node of [one, two]) node.start()
    await network.callRegistry('revoke', { cn_or_serial: revoked.subnetName })
    await network.callRegistry('updateHMAC')
    await lab.waitFor(async () => missingPairs(await pingAllPairs([nodes[0], one], 500)).length === 0, {
      what: 'the first node to be back',
      deadlineMs: DEADLINE_MS,
    })
    await three.killHard()
    three.start()
    await network.callRegistry('updateHMAC')
    await network.callRegistry('updateHMAC')
    await lab.waitFor(async () => new Set(await Promise.all(others.map(versionOf))).size === 1, {
      what: 'all nodes to have the same version',
      deadlineMs: DEADLINE_MS,
    })
    await network.allPairsPing({ nodes: others, deadlineMs: DEADLINE_MS })
    expect(missingPairs(await pingAllPairs([nodes[0], revoked], 500))).toHaveLength(2)
  }))
