import { expect, it } from 'vitest'
import { EngineNetwork, type TestNode, TUNNEL } from '../../../../support/engine-network.ts'
import { seededRandom } from '../../../../support/random.ts'

const SEEDS = [1, 2, 3, 4, 5, 6] as const

interface Said {
  readonly updates: number
  readonly requests: number
}

/** How many updates, and requests for sequence numbers, each of eight routers sends a minute when packets take longer by chance. */
function saidAMinute(jitterMs: number, seed = 1): Said {
  const network = new EngineNetwork(seededRandom(seed))
  const nodes = ['a', 'b', 'c', 'd', 'e', 'f', 'a1', 'b1'].map((name) => network.node(name))
  for (const [number, node] of nodes.entries())
    for (const step of [1, 3]) {
      const other = nodes[(number + step) % nodes.length]
      if (other) network.link(node, other, 10 + ((number * 7 + step * 5) % 30)).jitterMs = jitterMs
    }
  network.run(180_000)
  for (const { sent } of nodes) sent.length = 0
  network.run(600_000)
  const tlvs = nodes.flatMap(({ sent }) => sent.map(({ tlv }) => tlv))
  const count = (kind: string) => tlvs.filter((tlv) => tlv.kind === kind).length / (nodes.length * 10)
  return { updates: count('update'), requests: count('seqno-request') }
}

it('round-trip times that are never the same twice are nothing to tell of', () => {
  const still = saidAMinute(0)
  // Periodic updates: of eight destinations, on four interfaces, once a minute.
  expect(still.updates).toBeLessThan(36)
  const usual = saidAMinute(30)
  expect(usual.updates).toBeLessThan(still.updates * 1.1)
  expect(usual.requests).toBeLessThan(1)
  // What is asked for depends on who was heard first.
  const wild = SEEDS.map((seed) => saidAMinute(200, seed))
  const mean = (count: (said: Said) => number) =>
    wild.reduce((sum, said) => sum + count(said), 0) / wild.length
  expect(mean(({ updates }) => updates)).toBeLessThan(still.updates * 1.4)
  expect(mean(({ requests }) => requests)).toBeLessThan(1.5)
})

it('what is nothing to tell of at once is told with the next update', () => {
  const network = new EngineNetwork()
  const steady = { ...TUNNEL, maxRttPenalty: 0 }
  const [a, b, c] = ['a', 'b', 'c'].map((name) => network.node(name)) as [TestNode, TestNode, TestNode]
  network.link(a, b, 1, steady)
  network.link(b, c, 1, steady)
  network.run(180_000)
  expect(a.metricTo(c)).toBe(192)
  c.engine.setParameters(network.nowMs, 'b', { ...steady, rxcost: 150 })
  network.runUntil(() => b.metricTo(c) === 150, 60_000)
  expect(a.metricTo(c)).toBe(192)
  network.runUntil(() => a.metricTo(c) === 246, steady.updateIntervalMs)
})
