import { describe, expect, it } from 'vitest'
import { EngineNetwork, prefixOf, TUNNEL } from '../../../../support/engine-network.ts'

const DEFAULT = { prefix: '::/0', from: '2001:db8::/32', metric: 0 }

describe('source-specific routes (RFC 9079)', () => {
  it('are told, learnt and withdrawn beside the others, and of several gateways the nearest is taken', () => {
    const network = new EngineNetwork()
    const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
    network.link(a, b)
    network.link(b, c)
    const own = (node: typeof a) => ({ prefix: prefixOf(node), from: '::/0', metric: 0 })
    c.engine.setLocalRoutes(network.nowMs, [own(c), DEFAULT])
    network.run(2_000)
    expect(a.forwarding.get('::/0 2001:db8::/32')).toMatchObject({ iface: 'b' })
    expect(b.forwarding.get('::/0 2001:db8::/32')).toMatchObject({ iface: 'c' })
    a.engine.setLocalRoutes(network.nowMs, [own(a), DEFAULT])
    network.run(2_000)
    expect(a.forwarding.has('::/0 2001:db8::/32')).toBe(false)
    c.engine.setLocalRoutes(network.nowMs, [own(c)])
    network.run(2_000)
    expect(b.forwarding.get('::/0 2001:db8::/32')).toMatchObject({ iface: 'a' })
    expect(c.wayTo(a)).toBe('b')
  })

  it('of others are asked for where the own one ends', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.link(a, b)
    for (const node of [a, b])
      node.engine.setLocalRoutes(network.nowMs, [
        { prefix: prefixOf(node), from: '::/0', metric: 0 },
        DEFAULT,
      ])
    network.run(90_000)
    a.engine.setLocalRoutes(network.nowMs, [{ prefix: prefixOf(a), from: '::/0', metric: 0 }])
    network.run(100)
    expect(a.forwarding.get('::/0 2001:db8::/32')).toMatchObject({ iface: 'b' })
  })

  it('that end and come back are not retracted again for whoever has not acknowledged that', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    const link = network.link(a, b)
    a.engine.setLocalRoutes(network.nowMs, [DEFAULT])
    network.run(5_000)
    link.open = [true, false]
    a.engine.setLocalRoutes(network.nowMs, [])
    network.run(100)
    expect(b.forwarding.size).toBe(0)
    a.engine.setLocalRoutes(network.nowMs, [DEFAULT])
    network.run(10)
    a.sent.length = 0
    network.run(900)
    const told = a.sent.flatMap(({ tlv }) => (tlv.kind === 'update' ? [tlv.metric] : []))
    expect(new Set(told)).toEqual(new Set([0]))
    expect(b.forwarding.get('::/0 2001:db8::/32')).toMatchObject({ iface: 'a' })
  })

  it('are not learnt where they are not wanted, nor passed on', () => {
    const network = new EngineNetwork()
    const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
    b.engine.setFilter(network.nowMs, ({ prefix }) => prefix !== '::/0')
    network.link(a, b)
    network.link(b, c)
    c.engine.setLocalRoutes(network.nowMs, [DEFAULT])
    network.run(60_000)
    expect([a, b].map(({ forwarding }) => forwarding.has('::/0 2001:db8::/32'))).toEqual([false, false])
  })

  it('are told to nobody where they are learnt for ourselves alone, also if somebody asks', () => {
    const network = new EngineNetwork()
    const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
    b.engine.setFilter(
      network.nowMs,
      () => true,
      ({ prefix }) => prefix !== '::/0',
    )
    network.link(a, b)
    network.link(b, c)
    c.engine.setLocalRoutes(network.nowMs, [DEFAULT, { prefix: '2001:db8:7::/48', from: '::/0', metric: 0 }])
    a.engine.expect('b', [DEFAULT])
    network.run(60_000)
    expect(b.forwarding.has('::/0 2001:db8::/32')).toBe(true)
    expect(a.forwarding.has('::/0 2001:db8::/32')).toBe(false)
    expect(a.forwarding.has('2001:db8:7::/48 ::/0')).toBe(true)
  })
})

describe('IPv4', () => {
  const SUBNET = { prefix: '10.42.7.0/24', from: '0.0.0.0/0', metric: 0 }

  it('has an IPv6 next hop where the interface has no IPv4 address (RFC 9229)', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.link(a, b)
    b.engine.setLocalRoutes(network.nowMs, [SUBNET])
    network.run(2_000)
    expect(a.forwarding.get('10.42.7.0/24 0.0.0.0/0')).toMatchObject({ nextHop: 'fe80::b' })
  })

  it('has the IPv4 address as next hop where there is one', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.link(a, b)
    b.engine.interfaceUp(network.nowMs, {
      name: 'a',
      kind: 'tunnel',
      address: 'fe80::b',
      ipv4Address: '10.42.7.1',
    })
    b.engine.setLocalRoutes(network.nowMs, [SUBNET])
    network.run(2_000)
    expect(a.forwarding.get('10.42.7.0/24 0.0.0.0/0')).toMatchObject({ nextHop: '10.42.7.1' })
  })
})

it('a change of the metric alone touches no forwarding entry', () => {
  const network = new EngineNetwork()
  const [a, b] = [network.node('a'), network.node('b')]
  network.link(a, b)
  network.run(5_000)
  const before = a.forwardingChanges
  b.engine.setParameters(network.nowMs, 'a', { ...TUNNEL, rxcost: 700 })
  network.run(1_000)
  expect(a.metricTo(b)).toBe(700)
  expect(a.forwardingChanges).toBe(before)
})

it('another hello interval holds at once, and no neighbour is lost', () => {
  const network = new EngineNetwork()
  const [a, b] = [network.node('a'), network.node('b')]
  network.link(a, b)
  network.run(5_000)
  for (const helloIntervalMs of [1_000, 60_000, 4_000]) {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const)
      one.engine.setParameters(network.nowMs, other.name, { ...TUNNEL, helloIntervalMs })
    network.run(300_000)
  }
  expect([...a.neighbourEvents, ...b.neighbourEvents].filter(({ change }) => change === 'flushed')).toEqual(
    [],
  )
})
