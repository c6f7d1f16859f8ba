import { describe, expect, test } from 'vitest'
import { PingMonitor } from '../../../lab/pings.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS, eventsOf, withNetwork } from '../../support/networks.ts'

const HELLO_SECONDS = 1
const REPLACED = 3
/**
 * A tunnel is replaced only if there is a node that is not a neighbour yet. 6 nodes with 2 client tunnels each have at
 * most 12 tunnels for 15 pairs: somebody always has somebody else to connect to.
 */
const NODES = 6
const CLIENT_TUNNELS = 2

/** How many of its tunnels it has closed after an event. */
const closedAfter = async (node: Re6stNode, number: number): Promise<number> =>
  (await eventsOf(node, number)).filter(({ kind }) => kind === 'tunnel-down').length

describe('tunnels that are replaced', () => {
  test('lose no packet of those that use them', () =>
    withNetwork(
      'closing',
      {
        nodeCount: NODES,
        helloSeconds: HELLO_SECONDS,
        registryOptions: ['--tunnel-refresh', '8', '--client-count', `${CLIENT_TUNNELS}`],
      },
      async ({ lab, network, nodes }) => {
        const monitors = nodes.flatMap((from, index) => {
          const to = nodes[(index + 1) % nodes.length]
          return to ? [new PingMonitor(from.machine, to.address)] : []
        })
        await lab.waitFor(() => monitors.every(({ steadyMs }) => steadyMs > 2_000), {
          what: 'steady pings',
          deadlineMs: DEADLINE_MS,
        })
        for (const monitor of monitors) monitor.reset()
        const since = await Promise.all(
          nodes.map(async (node) => ({ node, number: (await eventsOf(node)).at(-1)?.number ?? 0 })),
        )
        const closed = async () => {
          const counts = await Promise.all(since.map(({ node, number }) => closedAfter(node, number)))
          return counts.reduce((sum, count) => sum + count, 0)
        }
        await lab.waitFor(async () => (await closed()) >= REPLACED, {
          what: `${REPLACED} tunnels to be replaced`,
          deadlineMs: 2 * DEADLINE_MS,
        })
        const lost = await Promise.all(
          monitors.map(async (monitor) => {
            const { sent, received } = await monitor.stop()
            expect(sent).toBeGreaterThan(20)
            return sent - received
          }),
        )
        expect(lost).toEqual(nodes.map(() => 0))
        await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      },
    ))
})
