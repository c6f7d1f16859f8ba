import { expect, it } from 'vitest'
import { EngineNetwork, type TestNode, TUNNEL } from '../../../../support/engine-network.ts'

const ROUTES = 3_000
const MINUTE_MS = 60_000

it('thousands of routes are told once in each interval, spread over all of it', () => {
  const network = new EngineNetwork()
  const [a, b] = ['a', 'b'].map((name) => network.node(name)) as [TestNode, TestNode]
  network.link(a, b, 1, { ...TUNNEL, updateIntervalMs: MINUTE_MS })
  const prefixes = Array.from({ length: ROUTES }, (_, number) => `2001:db8:1:${number.toString(16)}::/64`)
  a.engine.setLocalRoutes(
    network.nowMs,
    prefixes.map((prefix) => ({ prefix, from: '::/0', metric: 0 })),
  )
  network.run(2 * MINUTE_MS)
  a.sent.length = 0
  const beginMs = network.nowMs
  network.run(MINUTE_MS)
  const updates = a.sent.flatMap(({ atMs, tlv }) =>
    tlv.kind === 'update' ? [{ atMs, prefix: tlv.prefix }] : [],
  )
  // Each, that of the other node as well, and hardly any twice.
  expect(new Set(updates.map(({ prefix }) => prefix)).size).toBe(ROUTES + 1)
  expect(updates.length).toBeLessThan(ROUTES * 1.1)
  const eachSecond = new Map<number, number>()
  for (const { atMs } of updates) {
    const second = Math.floor((atMs - beginMs) / 1_000)
    eachSecond.set(second, (eachSecond.get(second) ?? 0) + 1)
  }
  // 50 a second, in packets of 40.
  expect(Math.max(...eachSecond.values())).toBeLessThanOrEqual(120)
  expect(eachSecond.size).toBeGreaterThanOrEqual(58)
})

it('few routes are told together with a hello, and no more often than they have to be', () => {
  const network = new EngineNetwork()
  const [a, b] = ['a', 'b'].map((name) => network.node(name)) as [TestNode, TestNode]
  network.link(a, b, 1, { ...TUNNEL, updateIntervalMs: MINUTE_MS })
  network.run(3 * MINUTE_MS)
  a.sent.length = 0
  const minutes = 60
  network.run(minutes * MINUTE_MS)
  const timesOf = (kind: string) => a.sent.filter(({ tlv }) => tlv.kind === kind).map(({ atMs }) => atMs)
  const [hellos, updates] = [new Set(timesOf('hello')), [...new Set(timesOf('update'))]]
  expect(updates.length).toBeGreaterThanOrEqual(minutes)
  expect(updates.length).toBeLessThan(1.05 * minutes)
  expect(updates.filter((atMs) => !hellos.has(atMs)).length).toBeLessThan(0.05 * minutes)
})
