import { expect, it } from 'vitest'
import { EngineNetwork, prefixOf, TUNNEL } from '../../../../support/engine-network.ts'
import { seededRandom } from '../../../../support/random.ts'

/** All that five routers say and do while links are lost and come back, in order. */
function story(seed: number): string {
  const network = new EngineNetwork(seededRandom(seed))
  network.loss = 0.05
  const nodes = ['a', 'b', 'c', 'd', 'e'].map((name) => network.node(name))
  for (const [number, node] of nodes.entries())
    for (const step of [1, 2]) {
      const other = nodes[(number + step) % nodes.length]
      if (other) network.link(node, other, 10 + number, { ...TUNNEL, helloIntervalMs: 1_000 }).jitterMs = 20
    }
  for (const [at, link] of network.links.entries()) {
    network.run(5_000)
    link.open = [at % 2 === 0, false]
    network.run(5_000)
    link.open = [true, true]
  }
  const told = nodes.map((node) => ({
    sent: node.sent,
    neighbours: node.neighbourEvents,
    routes: node.routeEvents,
    ways: nodes.map((other) => node.forwarding.get(`${prefixOf(other)} ::/0`)),
  }))
  return JSON.stringify(told)
}

it('what routers do depends on what they are told, when, and on a seed: on nothing else', () => {
  const [one, again, other] = [1, 1, 2].map(story)
  expect(one === again).toBe(true)
  expect(one === other).toBe(false)
})
