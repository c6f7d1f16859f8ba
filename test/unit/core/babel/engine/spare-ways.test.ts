import { describe, expect, it } from 'vitest'
import { EngineNetwork, prefixOf, TUNNEL } from '../../../../support/engine-network.ts'

describe('the other way exists before it is needed', () => {
  /**
   * From a to d there are two ways. What c announces is not nearer than what a itself does; c has yet another way, and does
   * not need a.
   */
  function square() {
    const network = new EngineNetwork()
    const [a, b, c, d] = [network.node('a'), network.node('b'), network.node('c'), network.node('d')]
    const e = network.node('e')
    const flat = { ...TUNNEL, maxRttPenalty: 0 }
    const links = {
      ab: network.link(a, b, 10, flat),
      bd: network.link(b, d, 10, flat),
      ac: network.link(a, c, 10, flat),
      cd: network.link(c, d, 10, { ...flat, rxcost: 250 }),
      ce: network.link(c, e, 10, flat),
      ed: network.link(e, d, 10, flat),
    }
    network.run(60_000)
    return { network, a, b, c, d, links }
  }

  it('an alternative that was infeasible is feasible long before the way in use fails', () => {
    const { network, a, d } = square()
    expect(a.wayTo(d)).toBe('b')
    const spare = a.engine.routes(prefixOf(d)).find(({ iface }) => iface === 'c')
    expect(spare).toMatchObject({ reason: 'worse' })
    a.engine.neighbourGone(network.nowMs, 'b', 'fe80::b', 'transport ended')
    expect(a.wayTo(d)).toBe('c')
  })

  it('and is kept so by announcing no newer number than asked for', () => {
    const { network, a, d } = square()
    network.run(600_000)
    const spare = a.engine.routes(prefixOf(d)).find(({ iface }) => iface === 'c')
    expect(spare?.reason).toBe('worse')
  })

  it('what is asked for dies down where two routers would be each other’s spare way', () => {
    const network = new EngineNetwork()
    const [a, b, c, d] = [network.node('a'), network.node('b'), network.node('c'), network.node('d')]
    for (const [one, other] of [
      [a, d],
      [b, d],
      [c, d],
      [a, b],
      [b, c],
      [a, c],
    ] as const)
      network.link(one, other)
    network.run(3_600_000)
    const count = () =>
      network.nodes.flatMap(({ sent }) => sent).filter(({ tlv }) => tlv.kind === 'seqno-request').length
    const before = count()
    network.run(3_600_000)
    expect(count() - before).toBeLessThan(60)
  })
})

it('latency that triples for an hour and comes back is followed both times', () => {
  const network = new EngineNetwork()
  const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
  const direct = network.link(a, c, 20)
  network.link(a, b, 15)
  network.link(b, c, 15)
  network.run(120_000)
  expect(a.wayTo(c)).toBe('c')
  direct.delayMs = 60
  network.run(3_600_000)
  expect([a.wayTo(c), c.wayTo(a)]).toEqual(['b', 'b'])
  direct.delayMs = 20
  network.run(600_000)
  expect([a.wayTo(c), c.wayTo(a)]).toEqual(['c', 'a'])
})

it('a way that is about as good does not make packets go to and fro', () => {
  const network = new EngineNetwork()
  const [a, b, c, d] = [network.node('a'), network.node('b'), network.node('c'), network.node('d')]
  const links = [
    network.link(a, b, 20),
    network.link(b, d, 20),
    network.link(a, c, 20),
    network.link(c, d, 20),
  ]
  network.run(120_000)
  const before = a.forwardingChanges
  for (let time = 0; time < 240; time++) {
    for (const [number, link] of links.entries()) link.delayMs = 20 + ((time * 7 + number * 5) % 11) / 10
    network.run(15_000)
  }
  expect(a.forwardingChanges - before).toBeLessThan(20)
})
