import { describe, expect, it } from 'vitest'
import { EngineNetwork, type TestNode } from '../../../../support/engine-network.ts'

describe('an interface that drains', () => {
  it('is left for a way of two links that are as slow as can be', () => {
    const network = new EngineNetwork()
    const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
    network.link(a, b, 1)
    network.link(a, c, 300)
    network.link(b, c, 300)
    network.run(60_000)
    expect(a.wayTo(b)).toBe('b')
    a.engine.setCost(network.nowMs, 'b', undefined, 'draining')
    network.run(2_000)
    expect([a.wayTo(b), b.wayTo(a)]).toEqual(['c', 'c'])
  })

  it('is still the way where there is no other, also past several routers all of whose interfaces drain', () => {
    const network = new EngineNetwork()
    const names = ['a', 'd1', 'd2', 'd3', 'b']
    const nodes = names.map((name) => network.node(name))
    for (const [at, node] of nodes.slice(1).entries()) network.link(nodes[at] as TestNode, node)
    network.run(10_000)
    for (const { engine, name } of nodes.slice(1, -1))
      for (const other of names)
        if (other !== name) engine.setCost(network.nowMs, other, undefined, 'draining')
    network.run(120_000)
    const [first, last] = [nodes[0] as TestNode, nodes.at(-1) as TestNode]
    expect([first.wayTo(last), last.wayTo(first)]).toEqual(['d1', 'd3'])
  })

  function drained(address?: string) {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.link(a, b)
    network.run(5_000)
    a.engine.setCost(network.nowMs, 'b', address, 'draining')
    return { network, a, b }
  }
  it.each([undefined, 'fe80::b'])(
    'or a neighbour on it (%s), and is told to again, has nothing to say to anybody',
    (address) => {
      const { network, a } = drained(address)
      network.run(500)
      a.sent.length = 0
      for (let time = 0; time < 50; time++) a.engine.setCost(network.nowMs, 'b', address, 'draining')
      network.run(500)
      expect(a.sent.filter(({ tlv }) => tlv.kind === 'hello')).toEqual([])
      a.engine.setCost(network.nowMs, 'b', address, 'normal')
      expect(a.sent.filter(({ tlv }) => tlv.kind === 'hello')).toHaveLength(1)
    },
  )

  const up = { name: 'b', kind: 'tunnel', address: 'fe80::a' } as const

  it('is as cheap as any other when one of its name comes up after it was removed', () => {
    const { network, a, b } = drained()
    a.engine.interfaceRemoved(network.nowMs, 'b')
    network.run(5_000)
    a.engine.interfaceUp(network.nowMs, up)
    network.run(5_000)
    expect(a.metricTo(b)).toBe(96)
  })

  it('or a single neighbour on it, still drains when it went down and is up again', () => {
    for (const address of [undefined, 'fe80::b']) {
      const { network, a, b } = drained(address)
      a.engine.interfaceDown(network.nowMs, 'b')
      network.run(5_000)
      a.engine.interfaceUp(network.nowMs, up)
      network.run(5_000)
      expect(a.metricTo(b)).toBeGreaterThan(5_000)
    }
  })

  it('or a single neighbour on it, still drains when that was lost and is back', () => {
    const network = new EngineNetwork()
    const [a, b] = [network.node('a'), network.node('b')]
    network.link(a, b)
    network.run(5_000)
    a.engine.setCost(network.nowMs, 'b', 'fe80::b', 'draining')
    a.engine.neighbourGone(network.nowMs, 'b', 'fe80::b', 'transport ended')
    network.run(20_000)
    expect(a.metricTo(b)).toBeGreaterThan(5_000)
    a.engine.setCost(network.nowMs, 'b', 'fe80::b', 'normal')
    expect(a.metricTo(b)).toBe(96)
  })

  it('still drains when it has got another address', () => {
    const { network, a, b } = drained()
    a.engine.interfaceUp(network.nowMs, up)
    network.run(5_000)
    expect(a.metricTo(b)).toBeGreaterThan(5_000)
  })
})

describe('a router that drains', () => {
  /** Names of the ends of links. */
  function networkOf(...links: string[]) {
    const network = new EngineNetwork()
    const names = [...new Set(links.flatMap((link) => link.split('')))].sort()
    const nodes = new Map(names.map((name) => [name, network.node(name)]))
    const of = (name: string) => nodes.get(name) as TestNode
    for (const [one = '', other = ''] of links.map((link) => link.split(''))) network.link(of(one), of(other))
    network.run(60_000)
    return { network, of }
  }

  /** Who a packet passes on its way; undefined: it does not arrive. */
  function path({ network }: ReturnType<typeof networkOf>, from: TestNode, to: TestNode): string | undefined {
    let at = from
    let passed = at.name
    while (at !== to) {
      const next = at.wayTo(to)
      if (next === undefined || passed.includes(next)) return undefined
      passed += next
      at = network.nodes.find(({ name }) => name === next) as TestNode
    }
    return passed
  }

  it.each([
    ['where there is another way as good', ['ax', 'xb', 'ac', 'cb'], 1_000],
    ['where the other way is longer', ['ax', 'xb', 'ac', 'cd', 'db'], 1_000],
    ['where those behind its neighbours have to turn round first', ['xb', 'xd', 'ab', 'ac', 'cd'], 1_000],
    ['where the other way is much longer', ['ax', 'xb', 'ac', 'cd', 'de', 'ef', 'fb'], 2_000],
  ])('is passed by nobody soon, and not a packet is lost: %s', (_, links, limitMs) => {
    const made = networkOf(...links)
    const { network, of } = made
    const [a, b, x] = [of('a'), of('b'), of('x')]
    x.engine.setDraining(network.nowMs, true)
    const others = network.nodes.filter((node) => node !== x)
    network.runUntil(() => {
      const paths = network.nodes.flatMap((from) => network.nodes.map((to) => path(made, from, to)))
      expect(paths).not.toContain(undefined)
      return others.every((from) => others.every((to) => !path(made, from, to)?.includes('x')))
    }, limitMs)
    network.runUntil(() => x.engine.areCostsKnown, 1_000)
    // What is its own goes on.
    expect(path(made, a, x)).toBeDefined()
    network.run(300_000)
    expect(others.every((from) => others.every((to) => !path(made, from, to)?.includes('x')))).toBe(true)
    expect(path(made, x, b)).toBeDefined()
    x.engine.setDraining(network.nowMs, false)
    network.run(60_000)
    for (const [one = '', other = ''] of links.map((link) => link.split('')))
      expect(of(one).metricTo(of(other))).toBe(96)
  })

  it('tells its costs again where that was lost, and knows when all have heard them', () => {
    const { network, of } = networkOf('ax', 'xb')
    const x = of('x')
    for (const link of network.links) link.open = [false, false]
    x.engine.setDraining(network.nowMs, true)
    network.run(200)
    expect(x.engine.areCostsKnown).toBe(false)
    for (const link of network.links) link.open = [true, true]
    network.runUntil(() => x.engine.areCostsKnown, 1_000)
    expect(of('a').metricTo(of('b'))).toBeGreaterThan(10_000)
  })

  it('makes a link expensive that comes up meanwhile', () => {
    const { network, of } = networkOf('ab', 'bc', 'xd')
    of('x').engine.setDraining(network.nowMs, true)
    network.link(of('a'), of('x'))
    network.link(of('x'), of('c'))
    network.run(60_000)
    expect(of('a').wayTo(of('c'))).toBe('b')
    expect(of('a').metricTo(of('x'))).toBeGreaterThan(10_000)
  })
})
