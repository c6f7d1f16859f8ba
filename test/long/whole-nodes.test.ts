import { expect, test } from 'vitest'
import { EngineRouting } from '../../lab/simulation/babel/engine-routing.ts'
import { wholeNodes } from '../../lab/simulation/whole-nodes.ts'
import { seededRandom } from '../support/random.ts'

const MINUTE_MS = 60_000
const NODES = 120

test('120 whole nodes are all routed to each other, and never send packets in a circle', () => {
  const random = seededRandom(20261128)
  const { network, routing } = wholeNodes(NODES, random, (init) => new EngineRouting(init))
  network.run(5 * MINUTE_MS)
  expect(network.alive.map((node) => routing.reachableCount(node))).toEqual(
    network.alive.map(() => NODES - 1),
  )
  expect(routing.loops).toEqual([])
})
