import { describe, expect, it } from 'vitest'
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

describe('to several neighbours on links of their own', () => {
  /** A node with so many routes of its own, and its neighbours. */
  function star(routes: number, neighbours = ['b', 'c', 'd']) {
    const network = new EngineNetwork()
    const a = network.node('a')
    for (const name of neighbours)
      network.link(a, network.node(name), 1, { ...TUNNEL, updateIntervalMs: MINUTE_MS })
    const tell = (count: number) =>
      a.engine.setLocalRoutes(
        network.nowMs,
        Array.from({ length: count }, (_, number) => ({
          ...{ prefix: `2001:db8:1:${number.toString(16)}::/64`, from: '::/0', metric: 0 },
        })),
      )
    tell(routes)
    network.run(3 * MINUTE_MS)
    /** When which prefix is told on which interface, in so many minutes. */
    const told = (minutes: number) => {
      a.sent.length = 0
      network.run(minutes * MINUTE_MS)
      return a.sent.flatMap(({ atMs, iface, tlv }) =>
        tlv.kind === 'update' && tlv.metric === 0 ? [{ atMs, iface, prefix: tlv.prefix }] : [],
      )
    }
    return { network, a, neighbours, tell, told }
  }

  it('the same part of many routes is told on all of them in the same moment, each route once in an interval', () => {
    const { neighbours, told } = star(ROUTES)
    const updates = told(1)
    const times = neighbours.map((name) => [
      ...new Set(updates.filter(({ iface }) => iface === name).map(({ atMs }) => atMs)),
    ])
    expect(times[0]?.length).toBeGreaterThan(50)
    for (const other of times) expect(other).toEqual(times[0])
    for (const name of neighbours) {
      const prefixes = updates.filter(({ iface }) => iface === name).map(({ prefix }) => prefix)
      expect(new Set(prefixes).size).toBe(ROUTES)
      expect(prefixes.length).toBeLessThan(ROUTES * 1.1)
    }
  })

  it('what is told on all of them in the same words is put together once', () => {
    const { network, a, neighbours } = star(ROUTES)
    a.sent.length = 0
    network.run(MINUTE_MS)
    const updates = a.sent.flatMap(({ tlv }) => (tlv.kind === 'update' && tlv.metric === 0 ? [tlv] : []))
    expect(updates.length).toBeGreaterThanOrEqual(neighbours.length * ROUTES)
    expect(new Set(updates).size).toBeLessThan((1.1 * updates.length) / neighbours.length)
  })

  it('with split horizon, many routes are told on all links but the one where they are heard (RFC 8966, 3.7.4)', () => {
    const network = new EngineNetwork()
    const [a, ...others] = ['a', 'b', 'c', 'd'].map((name) => network.node(name)) as [TestNode, ...TestNode[]]
    for (const other of others)
      network.link(a, other, 1, { ...TUNNEL, updateIntervalMs: MINUTE_MS, splitHorizon: true })
    const routesOf = (node: TestNode) =>
      Array.from({ length: 500 }, (_, number) => `2001:db8:1${node.name}:${number.toString(16)}::/64`)
    for (const other of others)
      other.engine.setLocalRoutes(
        network.nowMs,
        routesOf(other).map((prefix) => ({ prefix, from: '::/0', metric: 0 })),
      )
    network.run(3 * MINUTE_MS)
    a.sent.length = 0
    network.run(MINUTE_MS)
    for (const { name } of others) {
      const told = new Set(
        a.sent.flatMap(({ iface, tlv }) => (iface === name && tlv.kind === 'update' ? [tlv.prefix] : [])),
      )
      for (const other of others)
        for (const prefix of routesOf(other)) expect(told.has(prefix)).toBe(other.name !== name)
    }
  })

  it('who comes in the middle is told all of them within an interval, and who has another interval in his own', () => {
    const { network, a, told } = star(ROUTES)
    network.run(20_000)
    network.link(a, network.node('e'), 1, { ...TUNNEL, updateIntervalMs: MINUTE_MS })
    network.link(a, network.node('f'), 1, { ...TUNNEL, updateIntervalMs: 2 * MINUTE_MS })
    network.run(10_000)
    const updates = told(2)
    const countOn = (name: string) => updates.filter(({ iface }) => iface === name).length
    expect(countOn('e')).toBeGreaterThanOrEqual(2 * ROUTES)
    expect(countOn('f')).toBeGreaterThanOrEqual(ROUTES)
    expect(countOn('f')).toBeLessThan(1.1 * ROUTES)
  })

  it('once they are few again, each link is told all of them once in an interval, and later many again', () => {
    const { network, neighbours, tell, told } = star(ROUTES)
    tell(30)
    network.run(3 * MINUTE_MS)
    const few = told(2)
    for (const name of neighbours) {
      const count = few.filter(({ iface }) => iface === name).length
      expect(count).toBeGreaterThanOrEqual(60)
      expect(count).toBeLessThanOrEqual(90)
    }
    tell(ROUTES)
    network.run(3 * MINUTE_MS)
    for (const name of neighbours) {
      const prefixes = told(1).filter(({ iface }) => iface === name)
      expect(new Set(prefixes.map(({ prefix }) => prefix)).size).toBe(ROUTES)
    }
  })

  it('settings that are set again and change nothing begin nothing anew: the last routes are told as the first ones', () => {
    const { network, a, neighbours } = star(ROUTES)
    a.sent.length = 0
    for (let time = 0; time < 6; time++) {
      network.run(20_000)
      for (const name of neighbours)
        a.engine.setParameters(network.nowMs, name, { ...TUNNEL, updateIntervalMs: MINUTE_MS })
    }
    for (const name of neighbours) {
      const told = a.sent.flatMap(({ iface, tlv }) =>
        iface === name && tlv.kind === 'update' && tlv.metric === 0 ? [tlv.prefix] : [],
      )
      expect(new Set(told).size).toBe(ROUTES)
      expect(told.length).toBeGreaterThan(1.9 * ROUTES)
    }
  })

  it('where they become fewer and more again all the time, the last ones are told as the first ones', () => {
    // With those of the neighbours, so many as make one part more, or not.
    const [fewer, more] = [156, 157]
    const { network, a, neighbours, tell } = star(more)
    const stable = Array.from({ length: 150 }, (_, number) => `2001:db8:1:${number.toString(16)}::/64`)
    a.sent.length = 0
    for (let time = 0; time < 12; time++) {
      tell(time % 2 === 0 ? fewer : more)
      network.run(20_000)
    }
    for (const name of neighbours)
      for (const prefix of stable) {
        const told = a.sent.filter(
          ({ iface, tlv }) => iface === name && tlv.kind === 'update' && tlv.prefix === prefix,
        )
        expect(told.length).toBeGreaterThanOrEqual(3)
      }
  })

  it('nothing is told on a link that is gone', () => {
    const { network, a, told } = star(ROUTES)
    a.engine.interfaceDown(network.nowMs, 'b')
    expect(told(1).filter(({ iface }) => iface === 'b')).toEqual([])
    for (const name of ['c', 'd']) a.engine.interfaceDown(network.nowMs, name)
    expect(told(1)).toEqual([])
  })
})
