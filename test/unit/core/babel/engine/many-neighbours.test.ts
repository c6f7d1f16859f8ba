import { describe, expect, it } from 'vitest'
import type { OutgoingTlv, Tlv } from '../../../../../src/core/babel/wire/tlv.ts'
import { EngineNetwork, TUNNEL } from '../../../../support/engine-network.ts'

/** A server whose clients are in our hands. */
function server() {
  const network = new EngineNetwork()
  const node = network.node('a')
  node.engine.setParameters(network.nowMs, 's', TUNNEL)
  node.engine.interfaceUp(network.nowMs, { name: 's', kind: 'server', address: 'fe80::a' })
  network.run(10_000)
  node.sent.length = 0
  const say = (source: string, ...tlvs: Tlv[]) =>
    node.engine.receive(network.nowMs, {
      ...{ iface: 's', source, multicast: false, tlvs, receivedMs: network.nowMs, isLate: false },
    })
  const sent = (kind: OutgoingTlv['kind']) => node.sent.filter(({ tlv }) => tlv.kind === kind)
  return { network, node, say, sent }
}

const client = (number: number): string => `fe80::c:${number.toString(16)}`
const HELLO = { kind: 'hello', unicast: false, seqno: 1, intervalMs: 15_000 } as const
const IHU = { kind: 'ihu', rxcost: 96, intervalMs: 45_000, address: 'fe80::a' } as const

/** Hellos in the worst time of this length. */
const mostWithin = (times: readonly number[], ms: number): number =>
  Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + ms).length))

describe('the hellos of a server', () => {
  it('do not become more than a client may lose in seconds, however much one asks', () => {
    const { network, node, say, sent } = server()
    say(client(1), HELLO, IHU)
    network.run(5_000)
    node.sent.length = 0
    for (let time = 0; time < 1_000; time++) {
      say(client(1), { kind: 'wildcard-request' })
      network.run(5)
    }
    expect(sent('hello').length).toBeLessThan(30)
    expect(sent('ihu').length).toBeGreaterThan(900)
  })

  it('nor when hundreds of clients come at once, of which each is greeted in the same moment', () => {
    const { network, node, say, sent } = server()
    for (let number = 0; number < 400; number++) {
      say(client(number), HELLO, { kind: 'wildcard-request' })
      const told = node.sent.filter(({ tlv }) => tlv.kind === 'ihu' && tlv.address === client(number))
      expect(told.length).toBeGreaterThan(0)
      network.run(5)
      say(client(number), IHU)
    }
    network.run(2_000)
    const times = sent('hello').map(({ atMs }) => atMs)
    expect(mostWithin(times, 1_000)).toBeLessThan(12)
    // Those who came last have heard hellos, too.
    expect(times.filter((at) => at > network.nowMs - 2_000).length).toBeGreaterThan(1)
  })

  it('are one for each client, in the same moment, when a few come soon after each other', () => {
    const { network, node, say, sent } = server()
    for (let number = 0; number < 6; number++) {
      node.sent.length = 0
      say(client(number), HELLO, { kind: 'wildcard-request' })
      network.run(1)
      expect(sent('hello').length).toBe(1)
      expect(sent('ihu').map(({ tlv }) => 'address' in tlv && tlv.address)).toContain(client(number))
      network.run(30)
    }
  })

  it('are there for the first clients also where a server has just begun to wait for some', () => {
    const network = new EngineNetwork()
    const node = network.node('a')
    node.engine.setParameters(network.nowMs, 's', TUNNEL)
    node.engine.interfaceUp(network.nowMs, { name: 's', kind: 'server', address: 'fe80::a' })
    network.run(300)
    for (let number = 0; number < 6; number++) {
      node.sent.length = 0
      node.engine.receive(network.nowMs, {
        ...{ iface: 's', source: client(number), multicast: true, tlvs: [HELLO] },
        ...{ receivedMs: network.nowMs, isLate: false },
      })
      network.run(30)
      expect(node.sent.filter(({ tlv }) => tlv.kind === 'hello').length).toBe(1)
    }
  })

  it('tell each of a hundred clients in time that it is heard, and by when, in the packet of a hello', () => {
    const { network, node, say } = server()
    const number = 100
    const greetAll = (seqno: number) => {
      for (let at = 0; at < number; at++) say(client(at), { ...HELLO, seqno }, IHU)
    }
    greetAll(1)
    network.run(15_000)
    node.sent.length = 0
    for (let seqno = 2; seqno < 8; seqno++) {
      greetAll(seqno)
      network.run(15_000)
    }
    const helloTimes = node.sent.filter(({ tlv }) => tlv.kind === 'hello').map(({ atMs }) => atMs)
    expect(helloTimes.length).toBeLessThan(20)
    for (let at = 0; at < number; at++) {
      const told = node.sent.filter(({ tlv }) => tlv.kind === 'ihu' && tlv.address === client(at))
      expect(told.length).toBeGreaterThanOrEqual(2)
      for (const { atMs } of told) expect(helloTimes).toContain(atMs)
    }
  })
})

it('when the interface of a server goes, packets are never sent on to another of its clients', () => {
  const { network, node, say } = server()
  const prefix = '2001:db8:5::/48'
  for (const number of [1, 2, 3]) {
    const source = client(number)
    const metric = 100 * number
    const routerId = `02:00:00:00:00:00:01:0${number}`
    const nextHop = source
    say(source, HELLO, IHU)
    say(source, {
      ...{ kind: 'update', prefix, from: '::/0', routerId, seqno: 1, metric, intervalMs: 60_000, nextHop },
    })
  }
  network.run(1_000)
  expect(node.forwarding.get(`${prefix} ::/0`)).toMatchObject({ nextHop: client(1) })
  node.forwardingChanges = 0
  node.engine.interfaceDown(network.nowMs, 's')
  expect(node.forwardingChanges).toBe(1)
  expect(node.unreachable.has(`${prefix} ::/0`)).toBe(true)
  expect(node.neighbourEvents.filter(({ change }) => change === 'flushed').length).toBe(3)
})

describe('clients that come', () => {
  it('while hellos are too many are told in the same moment that they are heard, and asked for their routes', () => {
    const { network, node, say } = server()
    for (let number = 0; number < 200; number++) {
      say(client(number), HELLO)
      network.run(10)
      const told = node.sent.filter(({ tlv }) => tlv.kind === 'ihu' && tlv.address === client(number))
      const asked = node.sent.filter(
        ({ to, tlv }) => to === client(number) && tlv.kind === 'wildcard-request',
      )
      if (number < 50) continue
      expect([number, told.length > 0, asked.length > 0]).toEqual([number, true, true])
    }
  })

  it('and cannot be used are not greeted without end', () => {
    const { network, node, say, sent } = server()
    node.engine.setCost(network.nowMs, 's', client(1), 'unusable')
    say(client(1), HELLO, IHU)
    network.run(2_000)
    node.sent.length = 0
    network.run(13_000)
    expect(sent('hello').length).toBeLessThanOrEqual(2)
  })

  it('again, having forgotten us, are greeted at once', () => {
    const { network, node, say, sent } = server()
    say(client(1), HELLO, IHU)
    network.run(5_000)
    node.sent.length = 0
    say(client(1), { ...HELLO, seqno: 5_000 })
    network.run(5)
    expect(sent('hello')).toHaveLength(1)
    expect(sent('ihu').some(({ tlv }) => tlv.kind === 'ihu' && tlv.address === client(1))).toBe(true)
  })
})
