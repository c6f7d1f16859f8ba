import { describe, expect, it } from 'vitest'
import { EngineNetwork, prefixOf, type TestNode } from '../../../../support/engine-network.ts'

/** A destination behind one of two neighbours. */
function line(before: (b: TestNode, nowMs: number) => void = () => {}) {
  const network = new EngineNetwork()
  const [a, b, c] = [network.node('a'), network.node('b'), network.node('c')]
  before(b, network.nowMs)
  const links = { ab: network.link(a, b), bc: network.link(b, c) }
  network.run(5_000)
  return { network, a, b, c, links }
}

const anything = () => true
const nothing = () => false

const keyOf = (node: TestNode) => `${prefixOf(node)} ::/0`

describe('a destination to which there is no way any more', () => {
  it('is unreachable for as long as neighbours may not know that, and then unknown', () => {
    const { network, a, b, c } = line()
    c.engine.setLocalRoutes(network.nowMs, [])
    network.run(100)
    expect([a, b].map(({ unreachable }) => [...unreachable])).toEqual([[keyOf(c)], [keyOf(c)]])
    network.run(25_000)
    expect(b.unreachable.has(keyOf(c))).toBe(true)
    network.run(10_000)
    expect([a, b].map(({ unreachable }) => unreachable.size)).toEqual([0, 0])
  })

  it('is so, too, when the neighbour is gone with it', () => {
    const { network, b, c } = line()
    b.engine.interfaceDown(network.nowMs, 'c')
    expect([...b.unreachable]).toEqual([keyOf(c)])
  })

  it('is reachable in the moment in which there is a way', () => {
    const { network, b, c, links } = line()
    links.bc.open = [false, false]
    b.engine.neighbourGone(network.nowMs, 'c', 'fe80::c', 'transport ended')
    expect([...b.unreachable]).toEqual([keyOf(c)])
    links.bc.open = [true, true]
    network.runUntil(() => b.wayTo(c) === 'c', 20_000)
    expect(b.unreachable.size).toBe(0)
    // The time that began before is of no importance any more.
    network.run(60_000)
    expect(b.wayTo(c)).toBe('c')
  })

  it('stays reachable when there is a way again, also where nobody was told of the first one', () => {
    const { network, b, c, links } = line(({ engine }, nowMs) => engine.setFilter(nowMs, anything, nothing))
    links.bc.open = [false, false]
    b.engine.neighbourGone(network.nowMs, 'c', 'fe80::c', 'transport ended')
    expect([...b.unreachable]).toEqual([keyOf(c)])
    links.bc.open = [true, true]
    network.runUntil(() => b.wayTo(c) === 'c', 20_000)
    network.run(40_000)
    expect(b.wayTo(c)).toBe('c')
    expect(b.engine.routes(prefixOf(c))).toHaveLength(1)
  })

  it('is not kept from going elsewhere where it is our own now, or not learnt any more', () => {
    for (const end of [
      ({ engine }: TestNode, nowMs: number, { prefix, from }: { prefix: string; from: string }) =>
        engine.setLocalRoutes(nowMs, [{ prefix, from, metric: 0 }]),
      ({ engine }: TestNode, nowMs: number, { prefix }: { prefix: string }) =>
        engine.setFilter(nowMs, (destination) => destination.prefix !== prefix),
    ])
      for (const isLost of [true, false]) {
        const { network, b, c } = line()
        if (isLost) b.engine.interfaceDown(network.nowMs, 'c')
        end(b, network.nowMs, { prefix: prefixOf(c), from: '::/0' })
        expect([b.unreachable.size, b.forwarding.has(keyOf(c))]).toEqual([0, false])
      }
  })
})
