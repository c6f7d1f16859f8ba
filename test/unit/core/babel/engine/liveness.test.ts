import { describe, expect, it } from 'vitest'
import { BabelEngine } from '../../../../../src/core/babel/engine/engine.ts'
import { EngineNetwork, prefixOf, type TestNode, TUNNEL } from '../../../../support/engine-network.ts'
import { seededRandom } from '../../../../support/random.ts'

const deaths = (node: TestNode) => node.neighbourEvents.filter(({ change }) => change === 'flushed')
const suspect = (network: EngineNetwork, node: TestNode, name: string) =>
  node.engine.suspect(network.nowMs, name, `fe80::${name}`)

/** Whether packets go to a neighbour only where there is no other way. */
const doubts = (network: EngineNetwork, node: TestNode, name: string) =>
  node.engine.neighbours(network.nowMs, name).some(({ cost }) => cost >= 12_000)

function star(delayMs = 10) {
  const network = new EngineNetwork()
  const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
  const links = {
    ab: network.link(a, b, delayMs),
    ac: network.link(a, c, delayMs),
    bc: network.link(b, c, delayMs),
  }
  network.run(40_000)
  a.sent.length = 0
  return { network, a, b, c, links }
}

describe('a neighbour that is suspected', () => {
  it('is asked, and stays when it answers', () => {
    const { network, a } = star()
    suspect(network, a, 'b')
    expect(a.sent).toMatchObject([{ iface: 'b', to: 'fe80::b', tlv: { kind: 'acknowledgment-request' } }])
    network.run(2_000)
    expect(a.sent.filter(({ tlv }) => tlv.kind === 'acknowledgment-request').length).toBe(1)
    expect(deaths(a)).toEqual([])
  })

  it('is doubted after a few unanswered requests: packets take the other way in the same moment; it is dead later', () => {
    const { network, a, b, links } = star()
    links.ab.open = [false, true]
    suspect(network, a, 'b')
    // What it still sends shows that it is alive: nothing is cut that works one way without being asked.
    links.ab.open = [false, false]
    const tookMs = network.runUntil(() => doubts(network, a, 'b'), 1_000)
    expect(tookMs).toBeLessThan(200)
    network.runUntil(() => a.wayTo(b) === 'c', 50)
    expect(deaths(a)).toEqual([])
    network.runUntil(() => deaths(a).length > 0, 1_000)
  })

  it('is doubted, and dead, so much earlier as the kernel has asked it in vain before', () => {
    const took = (earlierMs: number) => {
      const { network, a, b, links } = star()
      links.ab.open = [false, false]
      a.engine.suspect(network.nowMs, 'b', 'fe80::b', network.nowMs - earlierMs)
      const doubtedMs = network.runUntil(() => a.wayTo(b) === 'c', 1_000)
      return { doubtedMs, deadMs: doubtedMs + network.runUntil(() => deaths(a).length > 0, 1_000) }
    }
    const [early, late] = [took(50), took(0)]
    // Nobody is doubted before it was asked twice, and the second time is at random.
    for (const earlierMs of [late.doubtedMs - early.doubtedMs, late.deadMs - early.deadMs]) {
      expect(earlierMs).toBeGreaterThan(35)
      expect(earlierMs).toBeLessThanOrEqual(51)
    }
    expect(early.doubtedMs).toBeLessThan(200)
  })

  it('is dead though it asks: what it sends arrives, what we send does not', () => {
    const { network, a, b, links } = star()
    links.ab.open = [false, true]
    suspect(network, a, 'b')
    suspect(network, b, 'a')
    network.runUntil(() => a.wayTo(b) === 'c' && b.wayTo(a) === 'c', 500)
    // Both ask on, and one hears the other: that alone makes nobody usable, nor was it a false alarm.
    for (let second = 0; second < 20; second++) {
      network.run(1_000)
      expect(a.wayTo(b)).toBe('c')
    }
    links.ab.open = [true, true]
    network.runUntil(() => a.wayTo(b) === 'b' && b.wayTo(a) === 'a', 10_000)
  })

  it('has more time when its answers have been slow lately', () => {
    const { network, a, links } = star()
    links.ab.delayMs = 150
    suspect(network, a, 'b')
    network.run(1_000)
    expect(doubts(network, a, 'b')).toBe(false)
    links.ab.open = [false, false]
    suspect(network, a, 'b')
    network.run(350)
    expect(doubts(network, a, 'b')).toBe(false)
    network.runUntil(() => doubts(network, a, 'b'), 100)
    network.run(1_000)
    expect(deaths(a)).toEqual([])
    network.runUntil(() => deaths(a).length > 0, 1_000)
  })

  it('has not answered when what was asked before is acknowledged', () => {
    const { network, a, links } = star()
    links.ab.delayMs = 100
    suspect(network, a, 'b')
    network.run(210)
    links.ab.open = [false, false]
    suspect(network, a, 'b')
    network.runUntil(() => deaths(a).length > 0, 2_000)
  })

  it('is doubted as soon when its answers were held up and came all at once, but it is dead later', () => {
    const { network, a, b, links } = star()
    // What TCP sends again after a cut, and what a process reads that was stopped.
    const held: (() => void)[] = []
    const receive = b.engine.receive.bind(b.engine)
    b.engine.receive = (nowMs, packet) =>
      packet.iface === 'a' && isHeld
        ? void held.push(() => receive(network.nowMs, packet))
        : receive(nowMs, packet)
    let isHeld = true
    suspect(network, a, 'b')
    network.run(300)
    isHeld = false
    for (const deliver of held) deliver()
    network.run(200)
    expect(deaths(a)).toEqual([])
    links.ab.open = [false, false]
    suspect(network, a, 'b')
    expect(network.runUntil(() => doubts(network, a, 'b'), 1_000)).toBeLessThan(200)
    network.run(650)
    expect(deaths(a)).toEqual([])
    network.runUntil(() => deaths(a).length > 0, 1_000)
  })

  it('has as much time as the kernel knows that it needs, whatever its last hello said long ago', () => {
    const took = (usualMs: number) => {
      const { network, a, links } = star()
      links.ab.delayMs = 150
      network.run(60_000)
      links.ab.open = [false, false]
      a.usualAnswers.set('b', usualMs)
      suspect(network, a, 'b')
      return network.runUntil(() => deaths(a).length > 0, 5_000)
    }
    expect(took(20)).toBeLessThan(800)
    expect(took(300)).toBeGreaterThan(2_000)
  })

  describe('one of whose first hellos was held up', () => {
    /** That of `a` to `b`, for so long. Since then both have heard some. */
    function held(ms: number) {
      const network = new EngineNetwork()
      const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
      network.arrivesAt = (from, iface, atMs) => (from === a && iface === 'b' ? atMs + ms : atMs)
      const links = { ab: network.link(a, b, 1), ac: network.link(a, c, 1), bc: network.link(b, c, 1) }
      network.run(3_000)
      network.arrivesAt = (_, __, atMs) => atMs
      network.run(100_000)
      return { network, a, b, c, links }
    }
    const toDoubtMs = (network: EngineNetwork, node: TestNode) =>
      network.runUntil(() => doubts(network, node, 'b'), 10_000)

    it('is doubted as soon as any, if the kernel knows better: also where others have asked for it', () => {
      const { network, a, c, links } = held(900)
      a.usualAnswers.set('b', 1)
      for (const link of [links.ab, links.bc]) link.open = [false, false]
      suspect(network, c, 'b')
      expect(toDoubtMs(network, a)).toBeLessThan(350)
    })

    it('is doubted soon where the kernel only seems to know, as its questions were lost', () => {
      const { network, a, links } = held(0)
      network.arrivesAt = (_, __, atMs) => atMs
      a.usualAnswers.set('b', 500)
      suspect(network, a, 'b')
      network.run(5_000)
      links.ab.open = [false, false]
      suspect(network, a, 'b')
      expect(toDoubtMs(network, a)).toBeLessThan(500)
    })

    it('is doubted after a second if it does not, as its round trips are slow on average', () => {
      const { network, a, links } = held(900)
      links.ab.open = [false, false]
      suspect(network, a, 'b')
      expect(toDoubtMs(network, a)).toBeLessThan(1_400)
    })
  })

  it('has as much time as its round trips take', () => {
    const { network, a, links } = star(150)
    links.ab.open = [false, false]
    suspect(network, a, 'b')
    network.run(900)
    expect(deaths(a)).toEqual([])
    network.run(4_000)
    expect(deaths(a)).toMatchObject([{ cause: 'no answer' }])
  })

  it('survives 300 ms of delay that come suddenly, on a link of 20 ms', () => {
    const { network, a, links } = star(10)
    links.ab.delayMs = 160
    for (let time = 0; time < 20; time++) {
      suspect(network, a, 'b')
      network.run(5_000)
    }
    expect(deaths(a)).toEqual([])
  })

  it('has more time while packets still come from it, and is dead all the same if it never answers', () => {
    const { network, a, links } = star()
    links.ab.open = [false, false]
    suspect(network, a, 'b')
    const arriveFor = (ms: number) => {
      for (let passedMs = 0; passedMs < ms; passedMs += 50) {
        a.arrivals.set('b', (a.arrivals.get('b') ?? 0) + 1)
        network.run(50)
      }
    }
    arriveFor(1_000)
    expect(deaths(a)).toEqual([])
    arriveFor(2_000)
    expect(deaths(a)).toMatchObject([{ cause: 'no answer' }])
  })

  it('is dead though it goes on to announce routes: only an answer shows that it hears us', () => {
    const { network, a, b, links } = star()
    links.ab.open = [false, true]
    suspect(network, a, 'b')
    for (let passedMs = 0; passedMs < 2_000; passedMs += 100) {
      b.engine.setLocalRoutes(network.nowMs, [
        { prefix: `2001:db8:b${passedMs}::/64`, from: '::/0', metric: 0 },
      ])
      network.run(100)
    }
    expect(deaths(a)).toMatchObject([{ cause: 'no answer' }])
  })

  it('has no more time for what came before', () => {
    const { network, a, links } = star()
    links.ab.open = [false, false]
    a.arrivals.set('b', 1_000)
    suspect(network, a, 'b')
    expect(network.runUntil(() => deaths(a).length > 0, 1_000)).toBeLessThan(800)
  })

  it('survives half a second of delay where there is no other way, and is dead all the same when nothing comes', () => {
    const network = new EngineNetwork()
    const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
    const ab = network.link(a, b, 10)
    network.link(a, c, 10)
    network.run(40_000)
    ab.delayMs = 240
    suspect(network, a, 'b')
    network.run(5_000)
    expect(deaths(a)).toEqual([])
    ab.delayMs = 10
    network.run(120_000)
    ab.open = [false, false]
    suspect(network, a, 'b')
    network.runUntil(() => deaths(a).length > 0, 15_000)
  })

  it('survives 5 % of loss, however often it is suspected', () => {
    const { network, a } = star()
    network.loss = 0.05
    for (let time = 0; time < 1_000; time++) {
      suspect(network, a, 'b')
      network.run(600)
    }
    expect(deaths(a)).toEqual([])
  })

  it('is back at once when it was a false alarm, and has more time from then on', () => {
    const { network, a, b, links } = star()
    const takeForDead = () => {
      links.ab.open = [false, false]
      suspect(network, a, 'b')
      const before = deaths(a).length
      const tookMs = network.runUntil(() => deaths(a).length > before, 3_000)
      links.ab.open = [true, true]
      expect(network.runUntil(() => a.wayTo(b) === 'b', 20_000)).toBeLessThan(8_000)
      network.run(1_000)
      return tookMs
    }
    const first = takeForDead()
    expect(takeForDead()).toBeGreaterThan(1.5 * first)
  })
})

it('where no other way is known, it is found soon all the same: others do not tell of theirs while they use ours', () => {
  const network = new EngineNetwork()
  const [a, b, c, d] = [network.node('a'), network.node('b'), network.node('c'), network.node('d')]
  const ab = network.link(a, b, 5)
  network.link(a, c, 5)
  network.link(c, d, 5)
  network.link(d, b, 5, { ...TUNNEL, rxcost: 1_000 })
  network.run(120_000)
  ab.open = [false, false]
  suspect(network, a, 'b')
  expect(network.runUntil(() => a.wayTo(b) === 'c', 3_000)).toBeLessThan(250)
  expect(deaths(a)).toEqual([])
  // What c said was only kept for want of another way.
  expect(c.wayTo(b)).toBe('d')
  ab.open = [true, true]
  network.runUntil(() => a.wayTo(b) === 'b' && c.wayTo(b) === 'a', 120_000)
})

it('who hears us, and is not heard, is told so: it takes another way at once', () => {
  const { network, a, b, links } = star()
  links.ab.open = [true, false]
  suspect(network, a, 'b')
  network.runUntil(() => a.wayTo(b) === 'c', 500)
  expect(network.runUntil(() => b.wayTo(a) === 'c', 500)).toBeLessThan(50)
  network.run(2_000)
  expect(deaths(a)).not.toEqual([])
  links.ab.open = [true, true]
  network.runUntil(() => a.wayTo(b) === 'b' && b.wayTo(a) === 'a', 40_000)
})

it('a router that was busy for a moment waits hardly longer for answers', () => {
  const { network, a, b, links } = star()
  links.ab.open = [false, false]
  suspect(network, a, 'b')
  network.nowMs += 145
  expect(network.runUntil(() => a.wayTo(b) === 'c', 1_000)).toBeLessThan(250)
})

it('to be heard again is no false alarm while what we send is lost', () => {
  const { network, a, b, links } = star()
  const tookMs = () => {
    links.ab.open = [false, false]
    suspect(network, a, 'b')
    return network.runUntil(() => a.wayTo(b) === 'c', 3_000)
  }
  const first = tookMs()
  links.ab.open = [false, true]
  b.engine.setParameters(network.nowMs, 'a', { ...TUNNEL, helloIntervalMs: 100 })
  network.run(3_000)
  links.ab.open = [true, true]
  network.runUntil(() => a.wayTo(b) === 'b', 30_000)
  network.run(5_000)
  expect(tookMs()).toBeLessThan(1.2 * first)
})

describe('where our own queue is full, and loses most of what is put into it', () => {
  /** A flood from `from` to the other end: of 10 packets, 9 do not get out of its machine. */
  function flooded(share = 0.1) {
    const { network, a, b, links } = star()
    const random = seededRandom(7)
    const flood = (from: TestNode, to: TestNode) => {
      network.carries = (sender, iface) => !(sender === from && iface === to.name) || random.next() < share
      from.departures.set(to.name, { sent: 1_000_000 * share, dropped: 1_000_000 * (1 - share) })
      return (ms: number) => {
        for (let passedMs = 0; passedMs < ms; passedMs++) {
          const { sent, dropped } = from.departures.get(to.name) ?? { sent: 0, dropped: 0 }
          from.departures.set(to.name, { sent: sent + 100 * share, dropped: dropped + 100 * (1 - share) })
          network.run(1)
        }
      }
    }
    return { network, a, b, links, flood }
  }

  it('a neighbour is not taken for dead, however often it is suspected', () => {
    const { network, a, b, flood } = flooded()
    const run = flood(a, b)
    for (let time = 0; time < 300; time++) {
      suspect(network, a, 'b')
      run(700)
    }
    expect(deaths(a)).toEqual([])
  })

  it('nor by the other side, whose answers are lost here', () => {
    const { network, a, b, flood } = flooded()
    const run = flood(a, b)
    for (let time = 0; time < 100; time++) {
      suspect(network, b, 'a')
      for (let packets = 0; packets < 7; packets++) {
        b.arrivals.set('a', (b.arrivals.get('a') ?? 0) + 1_000)
        run(100)
      }
    }
    expect(deaths(b)).toEqual([])
  })

  it('it is doubted in less than a second all the same, though hardly a question gets out', () => {
    const { network, a, b, links, flood } = flooded(0.02)
    const run = flood(a, b)
    links.ab.open = [false, false]
    suspect(network, a, 'b')
    for (let passedMs = 0; passedMs < 800; passedMs += 10) run(10)
    expect(doubts(network, a, 'b')).toBe(true)
    expect(deaths(a)).toEqual([])
  })

  it('it is dead all the same if nothing comes from there', () => {
    const { network, a, b, links, flood } = flooded()
    const run = flood(a, b)
    links.ab.open = [false, false]
    suspect(network, a, 'b')
    for (let passedMs = 0; passedMs < 3_000; passedMs += 10) run(10)
    expect(deaths(a)).toMatchObject([{ cause: 'no answer' }])
  })
})

it('whoever is silent to all is found by all at the same time, not when packets come to each of them', () => {
  const network = new EngineNetwork()
  const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
  const [d, e] = [network.node('d'), network.node('e')]
  const links = [a, b, c].map((node) => network.link(node, e, 5))
  network.link(a, d, 5)
  network.link(d, b, 5)
  network.link(b, c, 5)
  network.run(120_000)
  for (const link of links) link.open = [false, false]
  // Packets go over a alone.
  suspect(network, a, 'e')
  network.runUntil(() => [a, b, c].every((node) => doubts(network, node, 'e')), 500)
  network.run(1_500)
  expect([a, b, c].map((node) => deaths(node)[0]?.neighbour.address)).toEqual([
    'fe80::e',
    'fe80::e',
    'fe80::e',
  ])
})

it('a question of others whether somebody is there harms nobody who is', () => {
  const { network, a, b, c, links } = star()
  links.ab.open = [false, false]
  suspect(network, a, 'b')
  network.runUntil(() => deaths(a).length > 0, 1_000)
  network.run(5_000)
  expect(deaths(c)).toEqual([])
  expect(c.wayTo(b)).toBe('b')
})

it('a neighbour that asks without end for what others may miss does not keep the questions of another from being heard', () => {
  const network = new EngineNetwork()
  const [a, b, c, d] = [network.node('a'), network.node('b'), network.node('c'), network.node('d')]
  for (const other of [b, c, d]) network.link(a, other, 10)
  d.engine.setLocalRoutes(
    network.nowMs,
    [prefixOf(d), ...Array.from({ length: 100 }, (_, at) => `2001:db8:9:${at}::/64`)].map((prefix) => ({
      ...{ prefix, from: '::/0', metric: 0 },
    })),
  )
  network.run(120_000)
  a.sent.length = 0
  const ask = (from: TestNode, prefix: string) =>
    a.engine.receive(network.nowMs, {
      ...{ iface: from.name, source: `fe80::${from.name}`, multicast: false },
      ...{
        receivedMs: network.nowMs,
        isLate: false,
        tlvs: [{ kind: 'route-request', prefix, from: '::/0' }],
      },
    })
  const isAsked = () =>
    a.sent.some(
      ({ iface, tlv }) => iface === 'd' && tlv.kind === 'route-request' && tlv.prefix === prefixOf(d),
    )
  for (let at = 0; at < 100; at++) ask(b, `2001:db8:9:${at}::/64`)
  expect(isAsked()).toBe(false)
  ask(c, prefixOf(d))
  expect(isAsked()).toBe(true)
})

it('of many others only a few are asked whether it is us', () => {
  const network = new EngineNetwork()
  const a = network.node('a')
  const others = ['b', 'c', 'd', 'e', 'f', '1', '2', '3'].map((name) => network.node(name))
  const links = others.map((other) => network.link(a, other, 10))
  network.link(others[0] as TestNode, others[1] as TestNode, 10)
  network.run(40_000)
  a.sent.length = 0
  for (const link of links.slice(0, 1)) link.open = [false, false]
  suspect(network, a, 'b')
  // Later, the other end is told that it is missed, and asks all: it may be the one that is cut off.
  network.runUntil(() => doubts(network, a, 'b'), 1_000)
  const questions = a.sent.filter(({ to, tlv }) => to !== undefined && tlv.kind === 'acknowledgment-request')
  expect(new Set(questions.map(({ iface }) => iface)).size).toBe(4)
})

it('nobody else is asked where one of the others has been heard since', () => {
  const { network, a, c, links } = star()
  links.ab.open = [false, false]
  suspect(network, a, 'b')
  network.run(20)
  // Whose costs are set anew says hello.
  c.engine.setParameters(network.nowMs, 'a', TUNNEL)
  network.run(1_000)
  const asked = a.sent.filter(({ to, tlv }) => to !== undefined && tlv.kind === 'acknowledgment-request')
  expect(new Set(asked.map(({ iface }) => iface))).toEqual(new Set(['b']))
})

it('while all are silent, they are asked together no more often than one of them would have to be', () => {
  const network = new EngineNetwork()
  const a = network.node('a')
  const others = Array.from({ length: 15 }, (_, at) => network.node((at + 16).toString(16)))
  const links = others.map((other) => network.link(a, other, 10))
  network.run(40_000)
  for (const link of links) link.open = [false, false]
  suspect(network, a, '10')
  network.run(20_000)
  a.sent.length = 0
  network.run(20_000)
  const asked = a.sent.filter(({ to, tlv }) => to !== undefined && tlv.kind === 'acknowledgment-request')
  expect(deaths(a)).toEqual([])
  expect(asked.length).toBeGreaterThan(50)
  expect(asked.length).toBeLessThan(120)
})

describe('a doubt', () => {
  it('that was wrong loses nothing: packets come back after a while', () => {
    const { network, a, b, links } = star()
    links.ab.open = [false, false]
    suspect(network, a, 'b')
    network.runUntil(() => doubts(network, a, 'b'), 300)
    links.ab.open = [true, true]
    expect(network.runUntil(() => !doubts(network, a, 'b') && !doubts(network, b, 'a'), 500)).toBeLessThan(
      150,
    )
    network.runUntil(() => a.wayTo(b) === 'b' && b.wayTo(a) === 'a', 30_000)
    expect(deaths(a)).toEqual([])
  })

  it('lasts the longer the more often it is: those far away do not hear of each', () => {
    const { network, a, links } = star()
    const lasted = Array.from({ length: 8 }, () => {
      links.ab.open = [false, false]
      suspect(network, a, 'b')
      network.runUntil(() => doubts(network, a, 'b'), 500)
      network.run(100)
      links.ab.open = [true, true]
      const tookMs = network.runUntil(() => !doubts(network, a, 'b'), 90_000)
      network.run(500)
      return tookMs
    })
    expect(lasted[0]).toBeLessThan(150)
    expect(lasted[2]).toBeGreaterThan(1.5 * (lasted[1] ?? 0))
    // Both ends doubt.
    expect(Math.max(...lasted)).toBeLessThan(62_000)
    expect(lasted[7]).toBeGreaterThan(29_000)
    expect(deaths(a)).toEqual([])
  })

  it('of a destination with no other way is told to all, who may have one, and so is its end', () => {
    const network = new EngineNetwork()
    const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
    const ab = network.link(a, b, 5)
    network.link(a, c, 5)
    network.run(60_000)
    ab.open = [false, false]
    suspect(network, a, 'b')
    network.run(400)
    expect(a.wayTo(b)).toBe('b')
    expect(network.nodes.every(({ unreachable }) => unreachable.size === 0)).toBe(true)
    ab.open = [true, true]
    network.runUntil(() => c.metricTo(b) === 192, 5_000)
    expect(deaths(a)).toEqual([])
  })
})

describe('when all links go silent at once', () => {
  it('nobody is taken for dead who could not hear what was asked, whenever they are back', () => {
    for (let silentMs = 250; silentMs < 450; silentMs += 4) {
      const network = new EngineNetwork()
      const a = network.node('a')
      const others = ['b', 'c', 'd'].map((name) => network.node(name))
      const links = others.map((other) => network.link(a, other, 10))
      network.run(40_000)
      for (const link of links) link.open = [false, false]
      for (const { name } of others) {
        suspect(network, a, name)
        network.run(7)
      }
      network.run(silentMs)
      for (const link of links) link.open = [true, true]
      network.run(3_000)
      expect(deaths(a)).toEqual([])
    }
  })

  it('nothing is given up, and who stays away when the others are back is dead', () => {
    const { network, a, b, c, links } = star()
    for (const link of Object.values(links)) link.open = [false, false]
    suspect(network, a, 'b')
    network.run(5_000)
    expect([a.wayTo(b), a.wayTo(c)]).toEqual(['b', 'c'])
    links.ac.open = [true, true]
    links.bc.open = [true, true]
    network.run(4_000)
    expect(deaths(a)).toMatchObject([{ neighbour: { address: 'fe80::b' } }])
    expect([a.wayTo(b), a.wayTo(c)]).toEqual(['c', 'c'])
  })
})

describe('when our uplink is back after a while', () => {
  /** A router with two tunnels, over one of which nothing comes any more, and over the other the hellos that the test lets through. */
  function withHellosAlone(comes: (second: number) => boolean): readonly string[] {
    const gone: string[] = []
    const nothing = () => {}
    const engine = new BabelEngine({
      ...{ routerId: '02:00:00:00:00:00:00:01', seqno: 1, random: seededRandom(1) },
      output: {
        ...{ send: nothing, forward: nothing, route: nothing },
        neighbour: (change, { iface }) => void (change === 'flushed' && gone.push(iface)),
      },
    })
    let nowMs = 0
    const hello = (iface: string, seqno: number) =>
      engine.receive(nowMs, {
        ...{ iface, source: 'fe80::2', multicast: false, receivedMs: nowMs, isLate: false },
        tlvs: [
          { kind: 'hello', unicast: false, seqno, intervalMs: 15_000 },
          { kind: 'ihu', rxcost: 96, intervalMs: 600_000, address: 'fe80::1' },
        ],
      })
    const pass = (ms: number) => {
      for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 5) engine.tick(nowMs)
    }
    for (const iface of ['silent', 'heard']) {
      engine.setParameters(nowMs, iface, TUNNEL)
      engine.interfaceUp(nowMs, { name: iface, kind: 'tunnel', address: 'fe80::1' })
      hello(iface, 1)
    }
    pass(5_000)
    engine.suspect(nowMs, 'silent', 'fe80::2')
    for (let second = 5, seqno = 2; second < 125; second++) {
      if (second % 15 === 0) {
        if (comes(second)) hello('heard', seqno)
        seqno++
      }
      pass(1_000)
    }
    return gone
  }

  it('who is silent is dead, though the only other one says hello all the time, and does not hear us', () => {
    expect(withHellosAlone(() => true)).toEqual(['silent'])
  })

  it('who is silent may be there where hellos of the other one come now and then, as over an uplink that is hardly there', () => {
    expect(withHellosAlone((second) => second === 45 || second === 90)).toEqual([])
  })

  it.each(['b', 'c'])(
    'and the first packet is one that %s says by itself, whoever answers then was there all the time',
    (first) => {
      for (let heldMs = 10_000; heldMs < 11_000; heldMs += 50) {
        const { network, a, b, c, links } = star()
        for (const link of [links.ab, links.ac]) link.open = [false, false]
        suspect(network, a, 'b')
        network.run(heldMs)
        for (const link of [links.ab, links.ac]) link.open = [true, true]
        const speaker = first === 'b' ? b : c
        // Whose costs are set anew says hello.
        speaker.engine.setParameters(network.nowMs, 'a', TUNNEL)
        network.run(3_000)
        expect([heldMs, deaths(a)]).toEqual([heldMs, []])
      }
    },
  )
})

describe('two tunnels that are silent at once', () => {
  it('are both left where there is a way over a LAN, and both there again at once', () => {
    const network = new EngineNetwork()
    const [a, b, c, d] = [network.node('a'), network.node('b'), network.node('c'), network.node('d')]
    const uplink = [network.link(a, b), network.link(a, d)]
    network.link(a, c, 1, TUNNEL, 'lan')
    network.link(b, c, 1)
    network.link(d, c, 1)
    network.run(120_000)
    for (const link of uplink) link.open = [false, false]
    suspect(network, a, 'b')
    network.runUntil(() => a.wayTo(b) === 'c', 500)
    network.runUntil(() => a.wayTo(d) === 'c', 500)
    network.run(20_000)
    expect(deaths(a)).toEqual([])
    for (const link of uplink) link.open = [true, true]
    network.runUntil(() => a.wayTo(b) === 'b' && a.wayTo(d) === 'd', 3_000)
  })
})

describe('the only tunnel', () => {
  function beside(isLanOnItsOwn: boolean) {
    const network = new EngineNetwork()
    const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
    const ab = network.link(a, b)
    network.link(a, c, 1, TUNNEL, 'lan')
    if (isLanOnItsOwn) network.link(b, c, 1)
    network.run(120_000)
    ab.open = [false, false]
    suspect(network, a, 'b')
    return { network, a, b }
  }

  it('is dead where there is a way over a LAN', () => {
    const { network, a, b } = beside(true)
    expect(network.runUntil(() => a.wayTo(b) === 'c', 2_000)).toBeLessThan(500)
    // Also when packets go the other way, on account of the doubt.
    network.runUntil(() => deaths(a).length > 0, 3_000)
  })

  it('is kept where those on the LAN have no other way than ours', () => {
    const { network, a, b } = beside(false)
    network.run(10_000)
    expect(a.wayTo(b)).toBe('b')
  })
})

it('a router that was stopped gives no neighbour up, though all deadlines have passed', () => {
  const network = new EngineNetwork()
  const [a, b] = [network.node('a'), network.node('b')]
  network.link(a, b, 1, { ...TUNNEL, helloIntervalMs: 200 })
  network.run(10_000)
  suspect(network, a, 'b')
  network.nowMs += 3_000
  network.run(5_000)
  expect(deaths(a)).toEqual([])
  expect(deaths(b)).toEqual([])
})

it('who has not noticed that its link is cut is told by others that it is missed, and looks', () => {
  const { network, a, b, links } = star()
  links.ab.open = [false, false]
  // Packets go one way only: nobody asks at the other end.
  suspect(network, a, 'b')
  const tookMs = network.runUntil(() => doubts(network, b, 'a'), 1_000)
  expect(tookMs).toBeLessThan(400)
  network.runUntil(() => b.wayTo(a) === 'c', 100)
})
