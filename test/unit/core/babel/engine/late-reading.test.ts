import { expect, it } from 'vitest'
import { EngineNetwork, type TestNode, TUNNEL } from '../../../../support/engine-network.ts'

/** How long a link of 20 ms seems to take at most, to both, while one of the two reads its packets 300 ms late. */
function longestSeen({ isKnown }: { readonly isKnown: boolean }): number {
  const network = new EngineNetwork()
  const [a, b] = ['a', 'b'].map((name) => network.node(name)) as [TestNode, TestNode]
  network.link(a, b, 10, { ...TUNNEL, helloIntervalMs: 1_000 })
  network.run(10_000)
  network.arrivesAt = (from, _, atMs) => atMs + (from === a ? 300 : 0)
  network.isLate = (receiver) => isKnown && receiver === b
  let longestMs = 0
  for (let second = 0; second < 60; second++) {
    network.run(1_000)
    for (const { engine } of [a, b])
      for (const { rttMs = 0 } of engine.neighbours(network.nowMs)) longestMs = Math.max(longestMs, rttMs)
  }
  return longestMs
}

it('whoever was busy when a packet came takes no sample of the round-trip time from it, nor does its neighbour', () => {
  expect(longestSeen({ isKnown: false })).toBeGreaterThan(200)
  expect(longestSeen({ isKnown: true })).toBeLessThan(25)
})

it('once it is not busy any more, the round-trip time is known again', () => {
  const network = new EngineNetwork()
  const [a, b] = ['a', 'b'].map((name) => network.node(name)) as [TestNode, TestNode]
  network.isLate = (receiver) => receiver === b
  network.link(a, b, 10, { ...TUNNEL, helloIntervalMs: 1_000 })
  const rttAt = ({ engine }: TestNode) => engine.neighbours(network.nowMs)[0]?.rttMs
  network.run(30_000)
  expect([rttAt(a), rttAt(b)]).toEqual([undefined, undefined])
  network.isLate = () => false
  network.run(7_000)
  expect([rttAt(a), rttAt(b)]).toEqual([20, 20])
})
