import { describe, expect, it } from 'vitest'
import { EngineNetwork, prefixOf, type TestNode, TUNNEL } from '../../../../support/engine-network.ts'
import { seededRandom } from '../../../../support/random.ts'

const QUICK = { ...TUNNEL, helloIntervalMs: 4_000, updateIntervalMs: 16_000, maxRttPenalty: 0 }

/** A destination for which following next hops comes back to where it was. */
function loopIn(network: EngineNetwork): string | undefined {
  const byName = new Map(network.nodes.map((node) => [node.name, node]))
  for (const destination of network.nodes)
    for (const start of network.nodes) {
      const seen = new Set<TestNode>()
      let at: TestNode | undefined = start
      while (at !== undefined && at !== destination) {
        if (seen.has(at))
          return `${[...seen].map(({ name }) => name).join(' → ')} → ${at.name} to ${destination.name}`
        seen.add(at)
        at = byName.get(at.wayTo(destination) ?? '')
      }
    }
  return undefined
}

/** Costs of the shortest ways over links that are open. */
function distancesFrom(network: EngineNetwork, from: TestNode): Map<TestNode, number> {
  const distances = new Map([[from, 0]])
  for (let round = 0; round < network.nodes.length; round++)
    for (const { ends, open, costs } of network.links) {
      if (!open[0] || !open[1]) continue
      for (const side of [0, 1] as const) {
        const one = ends[side]
        const other = ends[1 - side] as TestNode
        const known = distances.get(other)
        // Sending to the other end costs what that end says.
        const cost = costs[1 - side] as number
        if (known !== undefined)
          distances.set(one, Math.min(distances.get(one) ?? Number.POSITIVE_INFINITY, known + cost))
      }
    }
  return distances
}

describe.each([1, 2, 3, 4, 5, 6])('a random graph (seed %i)', (seed) => {
  it('has no loop at any time, and shortest ways after a while', () => {
    const random = seededRandom(seed)
    const network = new EngineNetwork(random)
    const nodes = Array.from({ length: 12 }, (_, number) => network.node((number + 16).toString(16)))
    const join = (a: TestNode, b: TestNode) => {
      if (a === b || network.links.some(({ ends }) => ends.includes(a) && ends.includes(b))) return
      const costs = [64 + Math.floor(random.next() * 300), 64 + Math.floor(random.next() * 300)] as const
      network.link(a, b, 1 + random.next() * 50, QUICK, 'tunnel', costs)
    }
    const any = () => nodes[Math.floor(random.next() * nodes.length)] as TestNode
    for (const [number, node] of nodes.entries())
      if (number > 0) join(node, nodes[Math.floor(random.next() * number)] as TestNode)
    for (let extra = 0; extra < 14; extra++) join(any(), any())
    network.loss = 0.05
    const check = () => expect(loopIn(network)).toBeUndefined()
    for (let change = 0; change < 60; change++) {
      for (let step = 0; step < 40; step++) {
        network.run(random.next() * 50)
        check()
      }
      const link = network.links[Math.floor(random.next() * network.links.length)]
      if (link === undefined) break
      const [one, other] = link.ends
      switch (Math.floor(random.next() * 5)) {
        case 0:
          link.open = [false, false]
          if (random.next() < 0.5) one.engine.suspect(network.nowMs, other.name, `fe80::${other.name}`)
          break
        case 1:
        case 2:
          link.open = [true, true]
          break
        case 3:
          one.engine.setCost(
            network.nowMs,
            other.name,
            undefined,
            random.next() < 0.5 ? 'draining' : 'normal',
          )
          break
        case 4: {
          const rxcost = 64 + Math.floor(random.next() * 300)
          link.costs = [rxcost, link.costs[1]]
          one.engine.setParameters(network.nowMs, other.name, { ...QUICK, rxcost })
        }
      }
    }
    for (const link of network.links) {
      link.open = [true, true]
      for (const [one, other] of [link.ends, [link.ends[1], link.ends[0]]] as const)
        one.engine.setCost(network.nowMs, other.name, undefined, 'normal')
    }
    network.loss = 0
    network.run(200_000)
    check()
    for (const node of nodes) {
      const metrics = Object.fromEntries(
        nodes.map((from) => [from.name, from === node ? 0 : from.metricTo(node)]),
      )
      const distances = distancesFrom(network, node)
      expect(metrics).toEqual(Object.fromEntries(nodes.map((from) => [from.name, distances.get(from)])))
    }
    expect(prefixOf(nodes[0] as TestNode)).toBe('2001:db8:10::/48')
  })
})
