import { describe, expect, test } from 'vitest'
import { EngineRouting } from '../../../../../lab/simulation/babel/engine-routing.ts'
import { wholeNodes } from '../../../../../lab/simulation/whole-nodes.ts'
import { seededRandom } from '../../../../support/random.ts'

const MINUTE_MS = 60_000
const NODES = 60

/** 2,000 of them are in test/slow. */
describe('60 nodes, the tunnel policy and the routing engine of each, a third of them behind NATs', () => {
  const random = seededRandom(20261128)
  const { network, routing } = wholeNodes(NODES, random, (init) => new EngineRouting(init))
  const routesOf = () => network.alive.map((node) => routing.reachableCount(node))

  test('are all routed to each other', () => {
    network.run(4 * MINUTE_MS)
    expect(routesOf()).toEqual(network.alive.map(() => NODES - 1))
  })

  test('stay so while tunnels are replaced', () => {
    network.run(8 * MINUTE_MS)
    expect(routesOf()).toEqual(network.alive.map(() => NODES - 1))
  })

  test('never send packets in a circle', () => {
    expect(routing.loops).toEqual([])
  })
})
