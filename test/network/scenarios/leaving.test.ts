import { describe, expect, test } from 'vitest'
import type { Lab } from '../../../lab/lab.ts'
import { PingMonitor } from '../../../lab/pings.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS, nextHop, type TestNetwork, withNetwork } from '../../support/networks.ts'

const PING_MS = 10
const STEADY_MS = 1_000
/** Draining, the farewell, and a busy machine. */
const STOP_MS = 30_000

/** Packets of these two go through another node, whatever tunnels there are: which one is chance. */
async function withSomebodyBetween(lab: Lab, [one, other]: Ends, nodes: readonly Re6stNode[]) {
  await lab.cut(one.machine, other.machine)
  const pings = [new PingMonitor(one.machine, other.address, PING_MS)]
  const between = () =>
    lab.waitFor(
      async () => {
        const hop = await nextHop(one, other, nodes)
        return hop === other ? undefined : hop
      },
      { what: 'packets to go through another', deadlineMs: DEADLINE_MS },
    )
  await between()
  await lab.waitFor(() => pings.every(({ steadyMs }) => steadyMs > STEADY_MS), {
    what: 'steady pings',
    deadlineMs: DEADLINE_MS,
  })
  return { pings: pings[0] as PingMonitor, passed: await between() }
}

type Ends = readonly [Re6stNode, Re6stNode]

const endsOf = ({ nodes: [, one, other] }: TestNetwork): Ends => {
  if (!one || !other) throw new Error('the network has too few nodes')
  return [one, other]
}

describe('a node on the path of others', () => {
  test('is stopped: not a packet of theirs is lost', () =>
    withNetwork('leaving', { nodeCount: 4, nodeOptions: ['--router', 're6st'] }, async (made) => {
      const { lab, nodes } = made
      const { pings, passed } = await withSomebodyBetween(lab, endsOf(made), nodes)
      pings.reset()
      expect(await passed.stop(STOP_MS)).toEqual({ kind: 'exited', status: 0 })
      await lab.waitFor(() => pings.steadyMs > STEADY_MS, { what: 'steady pings', deadlineMs: DEADLINE_MS })
      const { sent, received } = await pings.stop()
      expect(sent).toBeGreaterThan(STEADY_MS / PING_MS)
      expect(sent - received).toBe(0)
    }))
})
