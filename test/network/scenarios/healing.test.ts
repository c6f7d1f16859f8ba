import { describe, expect, test } from 'vitest'
import { PingMonitor } from '../../../lab/pings.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS, nextHop, withNetwork } from '../../support/networks.ts'

/** Two nodes, not the registry's, whose packets to each other take their own tunnel. */
async function directPair(nodes: readonly Re6stNode[]): Promise<readonly [Re6stNode, Re6stNode] | undefined> {
  const others = nodes.slice(1)
  for (const one of others)
    for (const other of others)
      if (one !== other && (await nextHop(one, other, nodes)) === other) return [one, other]
  return undefined
}

describe('a network heals', () => {
  test('a node joins later', () =>
    withNetwork('join', { nodeCount: 2 }, async ({ lab, network }) => {
      const late = await network.join(await lab.host('late'))
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      expect(network.nodes).toContain(late)
    }))

  test('the path between two tunnelled nodes is cut both ways: packets go around, and none of their way uses it', () =>
    // Which nodes have a tunnel with each other is chance; those that could not be asked are asked again soon.
    withNetwork('cut', { nodeCount: 3, registryOptions: ['--tunnel-refresh', '10'] }, async (made) => {
      const { lab, network, nodes } = made
      const [one, other] = await lab.waitFor(() => directPair(nodes), {
        what: 'two nodes whose packets go directly',
        deadlineMs: DEADLINE_MS,
      })
      await lab.cut(one.machine, other.machine)
      await lab.waitFor(
        async () => {
          const hop = await nextHop(one, other, nodes)
          return hop !== undefined && hop !== other
        },
        { what: 'packets to go around', deadlineMs: DEADLINE_MS },
      )
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    }))

  test('the machine on the path loses its power: packets go around it', () =>
    withNetwork('on-path', { nodeCount: 4 }, async ({ lab, network, nodes }) => {
      const [, one, other] = nodes
      if (!one || !other) throw new Error('the network has too few nodes')
      // Never directly: somebody is on the path.
      await lab.cut(one.machine, other.machine)
      const victim = await lab.waitFor(
        async () => {
          const hop = await nextHop(one, other, nodes)
          return hop === other ? undefined : hop
        },
        { what: 'packets to go through another', deadlineMs: DEADLINE_MS },
      )
      const pings = new PingMonitor(one.machine, other.address)
      await lab.waitFor(() => pings.steadyMs > 500, { what: 'steady pings', deadlineMs: DEADLINE_MS })
      await victim.machine.powerOff()
      await lab.waitFor(async () => (await nextHop(one, other, nodes)) !== victim && pings.steadyMs > 500, {
        what: `pings around ${victim.name}`,
        deadlineMs: DEADLINE_MS,
      })
      await pings.stop()
      await network.allPairsPing({ nodes: nodes.filter((node) => node !== victim), deadlineMs: DEADLINE_MS })
    }))

  test('the registry is down while all nodes restart: the network forms again from their caches', () =>
    withNetwork('caches', { nodeCount: 3 }, async ({ network, nodes }) => {
      await network.stopRegistry()
      for (const node of nodes) await node.stop()
      for (const node of nodes) node.start()
      await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })
    }))
})
