import { describe, expect, test } from 'vitest'
import { SampledRouting } from '../../lab/simulation/babel/sampled-routing.ts'
import { wholeNodes } from '../../lab/simulation/whole-nodes.ts'
import { shuffled } from '../../src/core/random.ts'
import { seededRandom } from '../support/random.ts'

const MINUTE_MS = 60_000

describe('2,000 nodes, the tunnel policy and the routing engine of each, with the subnets of eight as destinations', () => {
  const random = seededRandom(20261128)
  const { network, routing } = wholeNodes(2_000, random, (init) => new SampledRouting(init, 8))
  const unrouted = () => network.alive.filter((node) => !routing.isRouted(node))

  test('are all routed to each within half a minute of the last start', () => {
    network.run(1.5 * MINUTE_MS)
    expect(routing.destinations.size).toBe(8)
    expect(unrouted()).toEqual([])
  })

  test('find other ways when a tenth of them dies at once', () => {
    const mortal = network.nodes.filter((node) => !routing.destinations.has(node))
    network.kill(shuffled(random, mortal).slice(0, 200))
    network.run(network.nowMs + 2 * MINUTE_MS)
    expect(network.partSizes()).toEqual([1_800])
    expect(unrouted()).toEqual([])
  })

  test('never send packets in a circle', () => {
    expect(routing.engines.loops).toEqual([])
  })
})
