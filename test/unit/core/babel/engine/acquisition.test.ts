import { describe, expect, it } from 'vitest'
import { INFINITY } from '../../../../../src/core/babel/metric.ts'
import type { Tlv } from '../../../../../src/core/babel/wire/tlv.ts'
import { EngineNetwork, prefixOf, TUNNEL } from '../../../../support/engine-network.ts'

/** Of a router that originates something. */
const UPDATE: Tlv = {
  ...{ kind: 'update', prefix: '2001:db8:b::/48', from: '::/0', metric: 0, seqno: 1, intervalMs: 60_000 },
  ...{ routerId: '02:00:00:00:00:00:00:0b', nextHop: 'fe80::b' },
}

describe('a new link', () => {
  function alone() {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.loss = 1
    const link = network.link(a, b)
    link.open = [false, false]
    network.loss = 0
    return { network, a, b, link }
  }

  it('begins with two hellos that promise the next one in time, 0.1 s apart', () => {
    const { network, a } = alone()
    network.run(200)
    const hellos = a.sent.filter(({ tlv }) => tlv.kind === 'hello')
    expect(hellos.length).toBe(2)
    expect((hellos[1]?.atMs ?? 0) - (hellos[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(100)
    for (const { tlv } of hellos)
      expect(tlv).toMatchObject({ intervalMs: 15_000, unicast: false, stamped: true })
  })

  it('asks for an acknowledgment first, then for all routes, then for what is expected there', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    a.engine.expect('b', [{ prefix: prefixOf(b), from: '::/0' }])
    network.link(a, b)
    expect(a.sent.slice(0, 4).map(({ tlv }) => tlv)).toMatchObject([
      { kind: 'hello' },
      { kind: 'acknowledgment-request' },
      { kind: 'wildcard-request' },
      // Answered at once, as the router-id is not that of its originator; never passed on.
      { kind: 'seqno-request', prefix: prefixOf(b), hopCount: 1 },
    ])
  })

  it('is tried again and again with longer pauses, until scheduled hellos are as frequent', () => {
    const { network, a } = alone()
    network.run(60_000)
    const times = a.sent.filter(({ tlv }) => tlv.kind === 'wildcard-request').map(({ atMs }) => atMs)
    expect(times.length).toBeGreaterThan(5)
    expect(times.length).toBeLessThan(10)
  })

  it('works within a round trip or two once packets get through', () => {
    const { network, a, b, link } = alone()
    network.run(400)
    link.open = [true, true]
    expect(network.runUntil(() => a.wayTo(b) === 'b' && b.wayTo(a) === 'a', 1_000)).toBeLessThan(400)
  })

  it('whose other end is heard, and acknowledges, and has not heard enough of us yet, is spoken on each second, until it has', () => {
    const network = new EngineNetwork()
    const a = network.node('a')
    a.engine.setParameters(network.nowMs, 'b', TUNNEL)
    a.engine.interfaceUp(network.nowMs, { name: 'b', kind: 'tunnel', address: 'fe80::a' })
    let seqno = 0
    const says = (rxcost: number) =>
      a.engine.receive(network.nowMs, {
        ...{ iface: 'b', source: 'fe80::b', multicast: true, receivedMs: network.nowMs, isLate: false },
        tlvs: [
          { kind: 'hello', unicast: false, seqno: seqno++, intervalMs: 15_000 },
          { kind: 'ihu', rxcost, intervalMs: 45_000, address: 'fe80::a' },
          ...(rxcost < INFINITY ? [UPDATE] : []),
        ],
      })
    const hellosIn = (ms: number) => {
      const before = a.sent.length
      network.run(ms)
      return a.sent.slice(before).filter(({ tlv }) => tlv.kind === 'hello').length
    }
    says(INFINITY)
    says(INFINITY)
    hellosIn(5_000)
    expect(hellosIn(10_000)).toBeGreaterThanOrEqual(9)
    says(INFINITY)
    // It never hears us: it costs no more than that.
    hellosIn(60_000)
    expect(hellosIn(60_000)).toBeLessThan(12)
    says(96)
    hellosIn(1_000)
    expect(hellosIn(60_000)).toBeLessThan(6)
  })

  it('on which one is not heard for ever costs some packets more, and no more', () => {
    const { network, a, link } = alone()
    link.open = [false, true]
    network.run(120_000)
    const { length } = a.sent.filter(({ tlv }) => tlv.kind === 'hello')
    expect(length).toBeLessThan(60)
    network.run(240_000)
    expect(a.sent.filter(({ tlv }) => tlv.kind === 'hello').length - length).toBeLessThan(40)
  })

  it('whose first hello was spent on a challenge works soon all the same: who says something else is greeted', () => {
    const { network, a, b, link } = alone()
    // The end that others connect to has said its own long ago.
    network.run(60_000)
    const before = a.sent.length
    a.engine.receive(network.nowMs, {
      ...{ iface: 'b', source: 'fe80::b', multicast: false, tlvs: [] },
      ...{ receivedMs: network.nowMs, isLate: false },
    })
    link.open = [true, true]
    expect(network.runUntil(() => a.wayTo(b) === 'b' && b.wayTo(a) === 'a', 20_000)).toBeLessThan(1_000)
    expect(a.sent.slice(before)[0]?.tlv).toMatchObject({ kind: 'hello' })
  })

  it('whose first hellos met challenges works without a pause once both ends have proved themselves', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.loss = 1
    network.link(a, b)
    network.run(5)
    network.loss = 0
    // Of a packet with an answer to a challenge, and nothing else.
    for (const [node, source] of [
      [a, b],
      [b, a],
    ] as const)
      node.engine.receive(network.nowMs, {
        ...{ iface: source.name, source: `fe80::${source.name}`, multicast: false, tlvs: [] },
        ...{ receivedMs: network.nowMs, isLate: false },
      })
    expect(network.runUntil(() => a.wayTo(b) === 'b' && b.wayTo(a) === 'a', 1_000)).toBeLessThan(20)
  })

  it('is greeted once a second at most, whatever comes without a hello', () => {
    const { network, a } = alone()
    network.run(60_000)
    const before = a.sent.length
    for (let packet = 0; packet < 10_000; packet++) {
      a.engine.receive(network.nowMs, {
        ...{ iface: 'b', source: `fe80::${packet.toString(16)}`, multicast: false, tlvs: [] },
        ...{ receivedMs: network.nowMs, isLate: false },
      })
      network.run(1)
    }
    expect(a.sent.slice(before).filter(({ tlv }) => tlv.kind === 'hello').length).toBeLessThan(60)
  })

  it('works on a link that loses half of the packets', () => {
    const { network, a, b, link } = alone()
    network.loss = 0.5
    link.open = [true, true]
    expect(network.runUntil(() => a.wayTo(b) === 'b' && b.wayTo(a) === 'a', 20_000)).toBeLessThan(10_000)
  })
})
