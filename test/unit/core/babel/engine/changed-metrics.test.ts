import { expect, it } from 'vitest'
import { EngineNetwork, type TestNode, TUNNEL } from '../../../../support/engine-network.ts'

const PREFIX = '2001:db8:1:1::/64'
/** Periodic updates are so frequent that many a change meets one, on one interface before the others. */
const OFTEN = { ...TUNNEL, helloIntervalMs: 500, updateIntervalMs: 2_000 }
const CHANGES = 300
/** Changes that are not urgent go out within 0.4 s. */
const TOLD_MS = 450

it.each([
  ['stays', [1_000]],
  ['is taken back at once', [1_000, 100]],
])('a metric that %s is known to all neighbours soon, whatever they are told meanwhile', (_, metrics) => {
  const network = new EngineNetwork()
  const names = ['middle', 'a', 'b', 'c'] as const
  const [middle, ...others] = names.map((name) => network.node(name)) as [TestNode, ...TestNode[]]
  for (const other of others) network.link(middle, other, 1, OFTEN)
  const set = (metric: number) =>
    middle.engine.setLocalRoutes(network.nowMs, [{ prefix: PREFIX, from: '::/0', metric }])
  set(100)
  network.run(10_000)
  for (let change = 0; change < CHANGES; change++) {
    for (const metric of change % 2 === 0 || metrics.length > 1 ? metrics : [100]) {
      set(metric)
      network.run(37)
    }
    network.run(TOLD_MS)
    const known = others.map(
      ({ engine }) => engine.routes().find(({ prefix }) => prefix === PREFIX)?.refmetric,
    )
    expect([change, ...new Set(known)]).toEqual([
      change,
      change % 2 === 0 || metrics.length > 1 ? metrics.at(-1) : 100,
    ])
    network.run(113)
  }
})
