import { describe, expect, test } from 'vitest'
import { EngineRouting } from '../../../../../lab/simulation/babel/engine-routing.ts'
import { SampledRouting } from '../../../../../lab/simulation/babel/sampled-routing.ts'
import { Simulation } from '../../../../../lab/simulation/simulator.ts'
import { shuffled } from '../../../../../src/core/random.ts'
import { seededRandom } from '../../../../support/random.ts'

const MINUTE_MS = 60_000
const NODES = 60
/** Seconds of a processor, on a machine that may have little left. */
const DEADLINE_MS = 900_000

describe('60 nodes, the tunnel policy and the routing engine of each, a third of them behind NATs', () => {
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
  const routesOf = () => network.alive.map((node) => routing?.reachableCount(node))

  test('are all routed to each other', { timeout: DEADLINE_MS }, () => {
    network.run(4 * MINUTE_MS)
    expect(routesOf()).toEqual(network.alive.map(() => NODES - 1))
  })

  test('stay so while tunnels are replaced', { timeout: DEADLINE_MS }, () => {
    network.run(8 * MINUTE_MS)
    expect(routesOf()).toEqual(network.alive.map(() => NODES - 1))
  })

  test('never send packets in a circle', () => {
    expect(routing?.loops).toEqual([])
  })
})

describe('2,000 nodes, the tunnel policy and the routing engine of each, with the subnets of eight as destinations', () => {
  const random = seededRandom(20261128)
  let routing: SampledRouting | undefined
  const network = new Simulation({
    ...{ nodes: 2_000, natShare: 1 / 3, clientCount: 5, maxClients: 10, random },
    ...{ refreshMs: 5 * MINUTE_MS, startWithinMs: MINUTE_MS },
    routing: (init) => {
      routing = new SampledRouting(init, 8)
      return routing
    },
  })
  const unrouted = () => network.alive.filter((node) => routing?.isRouted(node) !== true)

  test('are all routed to each within half a minute of the last start', { timeout: DEADLINE_MS }, () => {
    network.run(1.5 * MINUTE_MS)
    expect(routing?.destinations.size).toBe(8)
    expect(unrouted()).toEqual([])
  })

  test('find other ways when a tenth of them dies at once', { timeout: DEADLINE_MS }, () => {
    const mortal = network.nodes.filter((node) => routing?.destinations.has(node) === false)
    network.kill(shuffled(random, mortal).slice(0, 200))
    network.run(network.nowMs + 2 * MINUTE_MS)
    expect(network.partSizes()).toEqual([1_800])
    expect(unrouted()).toEqual([])
  })

  test('never send packets in a circle', () => {
    expect(routing?.engines.loops).toEqual([])
  })
})
