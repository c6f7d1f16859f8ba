import { describe, expect, it } from 'vitest'
import type { Tlv } from '../../../../../src/core/babel/wire/tlv.ts'
import { EngineNetwork, type TestNode, TUNNEL } from '../../../../support/engine-network.ts'

const LAN = { ...TUNNEL, rxcost: 64, maxRttPenalty: 0, splitHorizon: false }
const STEP_MS = 10

/** Two on a LAN with a tunnel between them, too, over a third. */
function onLan(delayMs = 1) {
  const network = new EngineNetwork()
  const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
  const lan = network.link(a, b, delayMs, LAN, 'lan')
  network.link(a, c)
  network.link(b, c)
  for (const [node, iface] of [
    [a, 'b'],
    [b, 'a'],
  ] as const)
    node.sentByOthers.set(iface, 0)
  network.run(60_000)
  return { network, a, b, c, lan }
}

/** Packets leave, one each few milliseconds. */
function use(network: EngineNetwork, ms: number, ...ends: readonly (readonly [TestNode, string])[]): void {
  for (let passedMs = 0; passedMs < ms; passedMs += STEP_MS) {
    for (const [node, iface] of ends) node.sentByOthers.set(iface, (node.sentByOthers.get(iface) ?? 0) + 1)
    network.run(STEP_MS)
  }
}

const questions = ({ sent }: TestNode, name: string) =>
  sent.filter(({ iface, tlv }) => iface === name && tlv.kind === 'acknowledgment-request')

const troubles = (node: TestNode, name: string) =>
  node.neighbourEvents.filter(
    ({ neighbour, change }) =>
      neighbour.iface === name && (change === 'flushed' || neighbour.isDoubted === true),
  )

/** How long until packets take another way, while they go. */
function untilOtherWayMs(network: EngineNetwork, from: TestNode, to: TestNode, limitMs: number): number {
  const beginMs = network.nowMs
  while (from.wayTo(to) === to.name) {
    if (network.nowMs - beginMs > limitMs) throw new Error(`not within ${limitMs} ms`)
    use(network, STEP_MS, [from, to.name])
  }
  return network.nowMs - beginMs
}

describe('a neighbour on a LAN to which packets go', () => {
  it.each([0, 50, 100, 150])(
    'is doubted within half a second when it goes silent, whenever that is',
    (ms) => {
      const { network, a, b, lan } = onLan()
      use(network, 1_000 + ms, [a, 'b'])
      lan.open = [false, false]
      expect(untilOtherWayMs(network, a, b, 2_000)).toBeLessThan(500)
      use(network, 1_000, [a, 'c'])
      expect(a.neighbourEvents.at(-1)).toMatchObject({ change: 'flushed', cause: 'no answer' })
    },
  )

  it('is doubted as well where it does not hear us, and where we do not hear it', () => {
    for (const open of [[false, true] as const, [true, false] as const]) {
      const { network, a, b, lan } = onLan()
      use(network, 1_000, [a, 'b'])
      lan.open = [...open]
      expect(untilOtherWayMs(network, a, b, 2_000)).toBeLessThan(500)
    }
  })

  it('is asked five times a second, by whoever sends to it', () => {
    const { network, a, b } = onLan()
    const before = [questions(a, 'b').length, questions(b, 'a').length]
    use(network, 60_000, [a, 'b'])
    const asked = questions(a, 'b').length - (before[0] ?? 0)
    expect(asked).toBeGreaterThan(290)
    expect(asked).toBeLessThanOrEqual(301)
    expect(questions(b, 'a').length).toBe(before[1])
  })

  it('is not asked more often than packets go', () => {
    const { network, a } = onLan()
    const before = questions(a, 'b').length
    for (let second = 0; second < 60; second++) {
      use(network, STEP_MS, [a, 'b'])
      network.run(1_000 - STEP_MS)
    }
    expect(questions(a, 'b').length - before).toBeLessThanOrEqual(60)
  })

  it('is not asked any more a moment after the last packet, though both have asked each other', () => {
    const { network, a, b } = onLan()
    use(network, 10_000, [a, 'b'], [b, 'a'])
    expect(questions(a, 'b').length).toBeGreaterThan(40)
    network.run(600)
    const before = [questions(a, 'b').length, questions(b, 'a').length]
    network.run(600_000)
    expect([questions(a, 'b').length, questions(b, 'a').length]).toEqual(before)
  })

  it('is not asked where it is the next hop to nothing', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.link(a, b, 1, { ...LAN, rxcost: 1_000 }, 'lan')
    const c = network.node('c')
    network.link(a, c)
    network.link(b, c)
    network.run(60_000)
    const before = questions(a, 'b').length
    a.sentByOthers.set('b', 0)
    use(network, 10_000, [a, 'b'])
    expect(questions(a, 'b').length).toBe(before)
  })

  it('is doubted at most once, and not lost, when its answers take 300 ms from now on', () => {
    const { network, a, b, lan } = onLan()
    use(network, 5_000, [a, 'b'], [b, 'a'])
    lan.delayMs = 150
    use(network, 60_000, [a, 'b'], [b, 'a'])
    expect(troubles(a, 'b').filter(({ change }) => change === 'flushed')).toEqual([])
    expect(troubles(a, 'b').length).toBeLessThanOrEqual(1)
    expect(a.wayTo(b)).toBe('b')
  })

  it('survives that it sleeps for 300 ms now and then', () => {
    const { network, a, b } = onLan()
    // Its radio is switched off until the next beacon, and gets all of what waited for it.
    network.arrivesAt = (_, iface, atMs) =>
      iface === 'b' && atMs % 10_000 < 300 ? atMs - (atMs % 10_000) + 300 : atMs
    use(network, 120_000, [a, 'b'])
    expect(troubles(a, 'b').filter(({ change }) => change === 'flushed')).toEqual([])
    expect(a.wayTo(b)).toBeDefined()
  })

  it('is not doubted because we ourselves stood still', () => {
    const { network, a } = onLan()
    use(network, 2_000, [a, 'b'])
    for (let time = 0; time < 5; time++) {
      const endMs = network.nowMs + 1_500
      // What came meanwhile is read after what was due is done.
      network.arrivesAt = (from, _, atMs) => (from !== a && atMs < endMs ? endMs + 5 : atMs)
      network.nodes.splice(network.nodes.indexOf(a), 1)
      network.run(1_500)
      network.nodes.push(a)
      a.engine.tick(network.nowMs)
      use(network, 3_000, [a, 'b'])
    }
    expect(troubles(a, 'b')).toEqual([])
  })
})

describe('many neighbours on a LAN that is used', () => {
  const HELLO = { kind: 'hello', unicast: false, intervalMs: 15_000 } as const
  const IHU = { kind: 'ihu', rxcost: 64, intervalMs: 45_000, address: 'fe80::a' } as const

  it('take turns to be asked, so that all of them together are asked twenty times a second', () => {
    const network = new EngineNetwork()
    const a = network.node('a')
    a.engine.setParameters(network.nowMs, 'l', LAN)
    a.engine.interfaceUp(network.nowMs, { name: 'l', kind: 'lan', address: 'fe80::a' })
    const addresses = Array.from({ length: 50 }, (_, at) => `fe80::b:${at.toString(16)}`)
    const say = (source: string, ...tlvs: Tlv[]) =>
      a.engine.receive(network.nowMs, {
        ...{ iface: 'l', source, multicast: true, tlvs, receivedMs: network.nowMs, isLate: false },
      })
    for (const seqno of [1, 2])
      for (const [at, address] of addresses.entries())
        say(address, { ...HELLO, seqno }, IHU, {
          ...{ kind: 'update', prefix: `2001:db8:${at}::/48`, from: '::/0', intervalMs: 60_000 },
          ...{ seqno: 1, metric: 0, routerId: `00:00:00:00:00:00:00:${at}`, nextHop: address },
        } as Tlv)
    network.run(5_000)
    a.sentByOthers.set('l', 0)
    network.run(1_000)
    const before = a.sent.length
    use(network, 5_000, [a, 'l'])
    const asked = a.sent.slice(before).filter(({ tlv }) => tlv.kind === 'acknowledgment-request')
    expect(asked.length).toBeGreaterThan(100)
    expect(asked.length).toBeLessThanOrEqual(20 + 5 * 20 + 4)
    expect(new Set(asked.map(({ to }) => to)).size).toBe(50)
  })
})

describe('a neighbour on a LAN to which no packets go', () => {
  it('is asked nothing', () => {
    const { network, a, b } = onLan()
    network.run(60_000)
    const before = [questions(a, 'b').length, questions(b, 'a').length]
    network.run(600_000)
    expect([questions(a, 'b').length, questions(b, 'a').length]).toEqual(before)
    expect(troubles(a, 'b')).toEqual([])
  })

  it('is dead a second after its first hello that does not come', () => {
    const { network, a, lan } = onLan()
    const heardMs = network.nowMs
    lan.open = [false, false]
    network.runUntil(() => troubles(a, 'b').some(({ change }) => change === 'flushed'), 1.5 * 15_000 + 1_000)
    expect(network.nowMs - heardMs).toBeGreaterThan(7_000)
  })
})
