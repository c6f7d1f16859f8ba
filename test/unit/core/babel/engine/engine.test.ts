import { describe, expect, it } from 'vitest'
import { INFINITY } from '../../../../../src/core/babel/metric.ts'

import { EngineNetwork, prefixOf, TUNNEL } from '../../../../support/engine-network.ts'

describe('two routers', () => {
  it('use a new link both ways within a few round trips, at a hello interval of 15 s', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.link(a, b, 10)
    const tookMs = network.runUntil(() => a.wayTo(b) === 'b' && b.wayTo(a) === 'a', 1_000)
    expect(tookMs).toBeLessThan(60)
    expect(a.engine.neighbours(network.nowMs)).toMatchObject([{ address: 'fe80::b', txcost: 96, rxcost: 96 }])
  })

  it('know the round-trip time, and count it', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.link(a, b, 40)
    network.run(2_000)
    const [neighbour] = a.engine.neighbours(network.nowMs)
    expect(neighbour?.rttMs).toBeCloseTo(80, 1)
    // 5000 × (80 − 10) / (500 − 10), as babeld computes it.
    expect(neighbour?.cost).toBe(96 + 714)
    expect(a.metricTo(b)).toBe(96 + 714)
  })

  it('say little on a link that works', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.link(a, b)
    network.run(10_000)
    const before = a.sent.length
    network.run(600_000)
    // Hellos each 15 s, IHUs each 45 s, two destinations each 60 s.
    expect(a.sent.length - before).toBeLessThan(1.08 * (600 / 15 + 600 / 45 + (2 * 600) / 60))
    expect(a.neighbourEvents.filter(({ change }) => change === 'flushed')).toEqual([])
  })

  it('never learn what is their own', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.link(a, b)
    network.run(200_000)
    expect(a.engine.routes(prefixOf(a)).map(({ reason }) => reason)).toEqual(['own'])
    expect(a.forwarding.size).toBe(1)
  })

  it('forget each other when hellos are missing', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    const link = network.link(a, b)
    network.run(10_000)
    link.open = [false, false]
    network.run(1_000_000)
    expect(a.forwarding.size).toBe(0)
    expect(a.neighbourEvents.at(-1)).toMatchObject({ change: 'flushed', cause: 'hellos missed' })
    expect(a.engine.sizes).toEqual({ destinations: 1, sources: 0, requests: 0 })
  })

  it('are back at once when the interface comes up again', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.link(a, b)
    network.run(10_000)
    a.engine.interfaceDown(network.nowMs, 'b')
    expect(a.forwarding.size).toBe(0)
    network.run(1_000)
    a.engine.interfaceUp(network.nowMs, { name: 'b', kind: 'tunnel', address: 'fe80::a' })
    expect(network.runUntil(() => a.wayTo(b) === 'b' && b.wayTo(a) === 'a', 2_000)).toBeLessThan(200)
  })
})

it('another IPv4 address on a link is told at once, and no neighbour is lost', () => {
  const network = new EngineNetwork()
  const [a, b] = [network.node('a'), network.node('b')]
  network.link(a, b)
  a.engine.setLocalRoutes(network.nowMs, [{ prefix: '10.42.1.0/24', from: '0.0.0.0/0', metric: 0 }])
  network.run(10_000)
  const hop = () => b.forwarding.get('10.42.1.0/24 0.0.0.0/0')?.nextHop
  expect(hop()).toBe('fe80::a')
  for (const address of ['192.0.2.1', '192.0.2.2', undefined]) {
    a.engine.setIpv4Address(network.nowMs, 'b', address)
    network.run(1_000)
    expect(hop()).toBe(address ?? 'fe80::a')
  }
  expect(b.neighbourEvents.filter(({ change }) => change === 'flushed')).toEqual([])
})

describe('a triangle', () => {
  function triangle() {
    const network = new EngineNetwork()
    const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
    const links = { ab: network.link(a, b), bc: network.link(b, c), ac: network.link(a, c) }
    network.run(20_000)
    return { network, a, b, c, links }
  }

  it('takes the direct way', () => {
    const { a, b, c } = triangle()
    expect([a.wayTo(b), a.wayTo(c), b.wayTo(c), c.wayTo(a)]).toEqual(['b', 'c', 'c', 'a'])
  })

  it('goes round a neighbour that is suspected and does not answer, in less than half a second', () => {
    const { network, a, c, links } = triangle()
    links.ac.open = [false, false]
    a.engine.suspect(network.nowMs, 'c', 'fe80::c')
    expect(network.runUntil(() => a.wayTo(c) === 'b', 2_000)).toBeLessThan(200)
    expect(a.neighbourEvents.at(-1)).toMatchObject({ change: 'changed', cause: 'no answer' })
    network.run(1_000)
    expect(a.neighbourEvents.at(-1)).toMatchObject({ change: 'flushed', cause: 'no answer' })
  })

  it('goes round at once where the transport says that it has ended', () => {
    const { network, a, c } = triangle()
    a.engine.neighbourGone(network.nowMs, 'c', 'fe80::c', 'transport ended')
    expect(network.runUntil(() => a.wayTo(c) === 'b', 2_000)).toBeLessThan(50)
  })

  it('leaves a link that drains, on both sides, without a moment without a way', () => {
    const { network, a, c } = triangle()
    const hasWay = () => a.wayTo(c) !== undefined && c.wayTo(a) !== undefined
    a.engine.setCost(network.nowMs, 'c', undefined, 'draining')
    const tookMs = network.runUntil(() => {
      expect(hasWay()).toBe(true)
      return a.wayTo(c) === 'b' && c.wayTo(a) === 'b'
    }, 3_000)
    expect(tookMs).toBeLessThan(1_000)
    a.engine.setCost(network.nowMs, 'c', undefined, 'unusable')
    network.run(1_000)
    expect([a.wayTo(c), c.wayTo(a)]).toEqual(['b', 'b'])
    a.engine.setCost(network.nowMs, 'c', undefined, 'normal')
    network.run(30_000)
    expect([a.wayTo(c), c.wayTo(a)]).toEqual(['c', 'a'])
  })

  it('is left by a router that retracts everything, once that is acknowledged', () => {
    const { network, a, b, c } = triangle()
    c.engine.retractAll(network.nowMs)
    expect(c.engine.isRetracted).toBe(false)
    expect(network.runUntil(() => c.engine.isRetracted, 1_000)).toBeLessThan(50)
    expect([a.wayTo(c), b.wayTo(c)]).toEqual([undefined, undefined])
  })

  it('is left by a router whose goodbye is lost once, with what drained just before', () => {
    const { network, a, b, c, links } = triangle()
    a.engine.neighbourGone(network.nowMs, 'b', 'fe80::b', 'transport ended')
    links.ab.open = [false, false]
    network.run(1_000)
    expect(a.wayTo(b)).toBe('c')
    c.engine.setCost(network.nowMs, 'b', undefined, 'draining')
    network.run(2)
    links.ac.open = [true, false]
    c.engine.retractAll(network.nowMs)
    network.run(100)
    links.ac.open = [true, true]
    expect(network.runUntil(() => c.engine.isRetracted, 1_000)).toBeGreaterThan(100)
    expect(a.forwarding.size).toBe(0)
    network.run(5_000)
    expect([...a.forwarding.keys()].filter((key) => key === `${prefixOf(b)} ::/0`)).toEqual([])
  })

  it('greets nobody any more when it has retracted everything', () => {
    const { network, c } = triangle()
    c.engine.retractAll(network.nowMs)
    network.run(1_000)
    c.sent.length = 0
    const hello = { kind: 'hello', unicast: false, seqno: 1, intervalMs: 15_000 } as const
    c.engine.receive(network.nowMs, {
      ...{ iface: 'a', source: 'fe80::d', multicast: true, tlvs: [hello], isLate: false },
      receivedMs: network.nowMs,
    })
    network.run(5_000)
    expect(c.sent).toEqual([])
  })

  it('is not led over a router that has retracted everything by what that hears until it ends', () => {
    const { network, a, b, c, links } = triangle()
    c.engine.retractAll(network.nowMs)
    a.engine.neighbourGone(network.nowMs, 'b', 'fe80::b', 'transport ended')
    links.ab.open = [false, false]
    b.engine.setLocalRoutes(network.nowMs, [{ prefix: '2001:db8:bb::/48', from: '::/0', metric: 0 }])
    network.run(2_000)
    expect([...c.forwarding.keys()]).toContain('2001:db8:bb::/48 ::/0')
    expect(a.forwarding.size).toBe(0)
  })
})

it('keeps routes when all links go silent at once, and is back with them', () => {
  const network = new EngineNetwork()
  const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
  const links = [network.link(a, b), network.link(a, c)]
  network.run(20_000)
  for (const link of links) link.open = [false, false]
  for (const name of ['b', 'c']) a.engine.suspect(network.nowMs, name, `fe80::${name}`)
  network.run(10_000)
  expect([a.wayTo(b), a.wayTo(c)]).toEqual(['b', 'c'])
  for (const link of links) link.open = [true, true]
  network.run(3_000)
  expect([a.wayTo(b), a.wayTo(c)]).toEqual(['b', 'c'])
  expect(a.neighbourEvents.filter(({ change }) => change === 'flushed')).toEqual([])
})

it('does not take a neighbour for dead because it did not run itself', () => {
  const network = new EngineNetwork()
  const [a, b] = [network.node('a'), network.node('b')]
  network.link(a, b, 1, { ...TUNNEL, helloIntervalMs: 1_000 })
  network.run(20_000)
  network.nowMs += 60_000
  a.engine.tick(network.nowMs)
  network.run(5_000)
  expect(a.neighbourEvents.filter(({ change }) => change === 'flushed')).toEqual([])
})

/** A router with two neighbours that are in our hands. */
function between() {
  const network = new EngineNetwork()
  const a = network.node('a')
  for (const name of ['b', 'c']) {
    a.engine.setParameters(network.nowMs, name, TUNNEL)
    a.engine.interfaceUp(network.nowMs, { name, kind: 'tunnel', address: 'fe80::a' })
  }
  let helloSeqno = 0
  /** A neighbour announces the same prefix. */
  const told = (iface: string, seqno: number, metric: number) => {
    helloSeqno++
    const hello = { kind: 'hello', unicast: false, seqno: helloSeqno, intervalMs: 60_000 } as const
    const ihu = { kind: 'ihu', rxcost: 96, intervalMs: 180_000, address: 'fe80::a' } as const
    const update = {
      kind: 'update',
      prefix: '2001:db8:ffff::/48',
      from: '::/0',
      routerId: '02:00:00:00:00:00:00:77',
      seqno,
      metric,
      intervalMs: 600_000,
      nextHop: `fe80::${iface}`,
    } as const
    a.engine.receive(network.nowMs, {
      ...{ iface, source: `fe80::${iface}`, multicast: true, receivedMs: network.nowMs, isLate: false },
      tlvs: [hello, ihu, update],
    })
  }
  const announced = () =>
    a.sent.findLast(
      ({ iface, tlv }) => iface === 'c' && tlv.kind === 'update' && tlv.prefix === '2001:db8:ffff::/48',
    )?.tlv
  return { network, a, told, announced }
}

describe('a neighbour that uses a longer way with a newer number', () => {
  it('is told of ours with that number, so that it can take it', () => {
    const { network, told, announced } = between()
    told('b', 10, 0)
    told('c', 10, 384)
    network.run(61_000)
    expect(announced()).toMatchObject({ seqno: 10, metric: 96 })
    told('b', 11, 0)
    told('c', 11, 384)
    network.run(61_000)
    expect(announced()).toMatchObject({ seqno: 11, metric: 96 })
  })
})

it('a number that goes round and round is followed, though the older one is announced for a while', () => {
  const { network, a, told, announced } = between()
  const next = (seqno: number) => {
    told('b', seqno, 0)
    told('c', 0, INFINITY)
    network.run(61_000)
  }
  next(10)
  next(11)
  expect(announced()).toMatchObject({ seqno: 10 })
  for (let seqno = 11; seqno < 80_000; seqno += 60) {
    next(seqno & 0xffff)
    expect(a.forwarding.get('2001:db8:ffff::/48 ::/0')).toMatchObject({ iface: 'b' })
    expect(announced()).toMatchObject({ metric: 96 })
    a.sent.length = 0
  }
})
