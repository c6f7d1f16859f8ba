import { describe, expect, it } from 'vitest'
import { INFINITY } from '../../../../../src/core/babel/metric.ts'
import type { Tlv } from '../../../../../src/core/babel/wire/tlv.ts'
import { EngineNetwork, prefixOf, type TestNode } from '../../../../support/engine-network.ts'

const UPDATE = { kind: 'update', from: '::/0', intervalMs: 60_000, metric: 10 } as const

/** A link on which one of the two is in our hands. */
function pair() {
  const network = new EngineNetwork()
  const [a, b] = [network.node('a'), network.node('b')]
  network.link(a, b)
  network.run(5_000)
  const say = (to: TestNode, ...tlvs: Tlv[]) =>
    to.engine.receive(network.nowMs, {
      iface: 'b',
      source: 'fe80::b',
      multicast: false,
      tlvs,
      receivedMs: network.nowMs,
      isLate: false,
    })
  return { network, a, b, say }
}

describe('a neighbour that means harm', () => {
  it('cannot make us take our own prefix, or our own router-id, from it', () => {
    const { a, say } = pair()
    const nextHop = 'fe80::b'
    const own = '02:00:00:00:00:00:00:01'
    say(
      a,
      { ...UPDATE, prefix: prefixOf(a), routerId: '02:00:00:00:00:00:00:66', seqno: 1, nextHop },
      { ...UPDATE, prefix: '2001:db8:66::/48', routerId: own, seqno: 1, nextHop },
    )
    expect([...a.forwarding.keys()]).toEqual(['2001:db8:b::/48 ::/0'])
  })

  it('fills no table beyond its bounds', () => {
    const { a, say } = pair()
    for (let at = 0; at < 40_000; at += 100)
      say(
        a,
        ...Array.from({ length: 100 }, (_, number) => ({
          ...UPDATE,
          prefix: `2001:db8:${(at + number).toString(16)}::/128`,
          routerId: '02:00:00:00:00:00:00:66',
          seqno: 1,
          nextHop: 'fe80::b',
        })),
      )
    expect(a.engine.sizes.destinations).toBeLessThanOrEqual(32_770)
  })

  it('cannot do so with any number of addresses', { timeout: 60_000 }, () => {
    const { network, a } = pair()
    for (let address = 0; address < 4; address++)
      for (let at = 0; at < 18_000; at += 1_000)
        a.engine.receive(network.nowMs, {
          ...{ iface: 'b', source: `fe80::bad:${address}`, multicast: true, isLate: false },
          receivedMs: network.nowMs,
          tlvs: [
            { kind: 'hello', unicast: false, seqno: at / 1_000, intervalMs: 15_000 },
            ...Array.from({ length: 1_000 }, (_, number) => ({
              ...UPDATE,
              prefix: `2001:db8:${address}:${(at + number).toString(16)}::/128`,
              routerId: '02:00:00:00:00:00:00:66',
              seqno: 1,
              nextHop: 'fe80::b',
            })),
          ],
        })
    expect(a.engine.sizes.destinations).toBe(65_536)
  })

  it('is not remembered as one who waits for any number of router-ids', () => {
    const { network, a, say } = pair()
    const prefix = '2001:db8:66::/48'
    const announced = { ...UPDATE, prefix, routerId: '02:00:00:00:00:00:00:66', seqno: 1, nextHop: 'fe80::b' }
    say(a, announced, { ...announced, metric: INFINITY })
    for (let number = 0; number < 1_000; number++) {
      const routerId = `02:00:00:00:00:01:${number.toString(16).padStart(4, '0').replace(/..$/, ':$&')}`
      say(a, { kind: 'seqno-request', prefix, from: '::/0', seqno: 1, hopCount: 64, routerId })
    }
    network.run(10)
    expect(a.engine.sizes.requests).toBe(8)
  })

  it('raises our number by a few a second at most, however much it asks', () => {
    const { network, a, say } = pair()
    const before = a.engine.seqno
    for (let time = 0; time < 1_000; time++)
      say(a, {
        kind: 'seqno-request',
        prefix: prefixOf(a),
        from: '::/0',
        seqno: (a.engine.seqno + 1) & 0xffff,
        hopCount: 64,
        routerId: '02:00:00:00:00:00:00:01',
      })
    network.run(1_000)
    expect(a.engine.seqno - before).toBeLessThan(30)
  })

  it('cannot make our number leap so far that others hold it for an older one', () => {
    const { a, say } = pair()
    const before = a.engine.seqno
    const own = '02:00:00:00:00:00:00:01'
    for (const ahead of [20_000, 40_000, 60_000])
      say(a, {
        ...{ ...UPDATE, prefix: '2001:db8:66::/48', routerId: own, nextHop: 'fe80::b' },
        seqno: (before + ahead) & 0xffff,
      })
    expect(a.engine.seqno).toBe(before + 20_001)
  })

  it('gets an update or a retraction for each request, and not more than it asks for', () => {
    const { network, a, say } = pair()
    a.sent.length = 0
    for (let time = 0; time < 20_000; time++)
      say(a, { kind: 'route-request', prefix: '2001:db8:77::/48', from: '::/0' })
    network.run(10)
    expect(a.sent.length).toBeLessThan(6_000)
  })

  it.each([
    { what: 'packets without a hello', tlvs: [] },
    {
      what: 'hellos that promise the next one for later',
      tlvs: [{ kind: 'hello', unicast: false, seqno: 1, intervalMs: 655_350 }],
    },
  ] satisfies readonly { what: string; tlvs: readonly Tlv[] }[])(
    'keeps nobody else out by $what from any number of addresses',
    ({ tlvs }) => {
      const { network, a, say } = pair()
      const hear = (source: string, heard: readonly Tlv[]) =>
        a.engine.receive(network.nowMs, {
          ...{ iface: 'b', source, multicast: true, tlvs: heard, receivedMs: network.nowMs, isLate: false },
        })
      for (let number = 0; number < 1_000; number++) {
        hear(`fe80::bad:${number.toString(16)}`, tlvs)
        network.run(1)
      }
      say(a, { kind: 'hello', unicast: true, seqno: 1, intervalMs: 15_000 })
      hear('fe80::c', [{ kind: 'hello', unicast: false, seqno: 1, intervalMs: 15_000 }])
      const met = a.engine.neighbours(network.nowMs).map(({ address }) => address)
      expect(met).toEqual(expect.arrayContaining(['fe80::b', 'fe80::c']))
      expect(met.length).toBeLessThanOrEqual(512)
      expect(a.engine.neighbours(network.nowMs).find(({ address }) => address === 'fe80::b')?.cost).toBe(96)
    },
  )

  it('is not kept when it was met by an answer and never says hello', () => {
    const network = new EngineNetwork()
    const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
    const link = network.link(a, b)
    network.link(a, c)
    network.run(5_000)
    link.open = [false, false]
    a.engine.suspect(network.nowMs, 'b', 'fe80::b')
    const met = () => a.engine.neighbours(network.nowMs).map(({ address }) => address)
    network.run(2_000)
    expect(met()).toEqual(['fe80::c'])
    a.engine.receive(network.nowMs, {
      ...{ iface: 'b', source: 'fe80::b', multicast: false, receivedMs: network.nowMs, isLate: false },
      tlvs: [{ kind: 'acknowledgment', opaque: 1 }],
    })
    expect(met()).toEqual(['fe80::b', 'fe80::c'])
    network.run(60_000)
    expect(met()).toEqual(['fe80::c'])
  })

  it('does not take packets of its own address', () => {
    const { network, a } = pair()
    const before = a.engine.neighbours(network.nowMs)
    a.engine.receive(network.nowMs, {
      iface: 'b',
      source: 'fe80::a',
      multicast: true,
      tlvs: [{ kind: 'hello', unicast: false, seqno: 1, intervalMs: 1_000 }],
      receivedMs: network.nowMs,
      isLate: false,
    })
    expect(a.engine.neighbours(network.nowMs)).toEqual(before)
  })
})

it('a router that lost its number with a restart is believed again at once', () => {
  const network = new EngineNetwork()
  const [a, b, c] = [network.node('a', 30_000), network.node('b'), network.node('c')]
  network.link(a, b)
  network.link(b, c)
  network.run(5_000)
  a.engine.interfaceDown(network.nowMs, 'b')
  const again = network.restart(a, 20_000)
  network.run(1_000)
  expect([b.wayTo(a), c.wayTo(a)]).toEqual(['a', 'b'])
  expect(again.engine.seqno).toBeGreaterThan(30_000)
})
