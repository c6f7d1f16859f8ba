import { expect, test } from 'vitest'
import { EngineRouting } from '../../lab/simulation/babel/engine-routing.ts'
import { Simulation } from '../../lab/simulation/simulator.ts'
import { seededRandom } from '../support/random.ts'

const MINUTE_MS = 60_000
const NODES = 120

test('120 whole nodes are all routed to each other, and never send packets in a circle', () => {
  const random = seededRandom(20261128)
  let routing: EngineRouting | undefined
  const network = new Simulation({
    ...{ nodes: NODES, natShare: 1 / 3, clientCount: 5, maxClients: 10, random },
    ...{ refreshMs: 5 * MINUTE_MS, startWithinMs: MINUTE_MS },
    routing: (init) => {
      routing = new EngineRouting(init)
      return routing
    },
  })
  network.run(5 * MINUTE_MS)
  expect(network.alive.map((node) => routing?.reachableCount(node))).toEqual(
    network.alive.map(() => NODES - 1),
  )
  expect(routing?.loops).toEqual([])
})
