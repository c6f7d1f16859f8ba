import { expect, it } from 'vitest'
import { INFINITY } from '../../../../../src/core/babel/metric.ts'
import { EngineNetwork, prefixOf, type TestNode, TUNNEL } from '../../../../support/engine-network.ts'

const explained = (network: EngineNetwork, from: TestNode, to: TestNode) =>
  from.engine.explain(network.nowMs, { prefix: prefixOf(to), from: '::/0' })
const wayOver = (network: EngineNetwork, from: TestNode, to: TestNode, iface: string) =>
  explained(network, from, to).candidates.find((one) => one.iface === iface)

/** Lets minutes pass, in steps that are short beside a hello interval. */
function runUntil(network: EngineNetwork, holds: () => boolean): void {
  for (let step = 0; step < 3_000; step++) {
    if (holds()) return
    network.run(100)
  }
  throw new Error('not within 300 s')
}

/** a and c have two ways between them: over b, and over d, which costs more. */
function square() {
  const network = new EngineNetwork()
  const [a, b, c, d] = [network.node('a'), network.node('b'), network.node('c'), network.node('d')]
  const links = {
    ab: network.link(a, b, 5),
    bc: network.link(b, c, 5),
    ad: network.link(a, d, 5, TUNNEL, 'tunnel', [150, 150]),
    dc: network.link(d, c, 5),
  }
  network.run(200_000)
  return { network, a, b, c, d, links }
}

it('of two ways the nearer one is taken, and the other one is worse', () => {
  const { network, a, c } = square()
  expect(a.wayTo(c)).toBe('b')
  expect(wayOver(network, a, c, 'b')).toMatchObject({
    reason: 'selected',
    selected: true,
    feasible: true,
    link: { address: 'fe80::b', level: 'normal' },
    suspectedMs: undefined,
  })
  const other = wayOver(network, a, c, 'd')
  expect(other?.reason).toBe('worse')
  expect(other?.metric).toBeGreaterThan(wayOver(network, a, c, 'b')?.metric ?? INFINITY)
  expect(explained(network, a, c).former).toEqual([])
})

it('a way that could close a loop is infeasible', () => {
  const { network, a, c, links } = square()
  links.dc.open = [false, false]
  network.run(300_000)
  // d has c only over a now, and says so.
  expect(wayOver(network, a, c, 'd')).toMatchObject({ reason: 'infeasible', feasible: false })
})

it('a way that is better, but not for long enough, waits', () => {
  const { network, a, c, links } = square()
  links.ab.delayMs = 100
  runUntil(network, () => a.wayTo(c) === 'd')
  network.run(300_000)
  links.ab.delayMs = 5
  runUntil(network, () => wayOver(network, a, c, 'b')?.reason === 'hysteresis')
  const { metric, smoothedMetric, feasible } = wayOver(network, a, c, 'b') ?? {}
  const taken = wayOver(network, a, c, 'd')
  expect(feasible).toBe(true)
  expect(metric).toBeLessThan(taken?.metric ?? 0)
  expect(smoothedMetric).toBeGreaterThanOrEqual(taken?.smoothedMetric ?? INFINITY)
  runUntil(network, () => a.wayTo(c) === 'b')
})

it('a neighbour that is gone is remembered with its way, and how that was noticed, until it is back', () => {
  const { network, a, c, links } = square()
  links.ab.open = [false, false]
  a.engine.suspect(network.nowMs, 'b', 'fe80::b')
  network.run(50)
  expect(wayOver(network, a, c, 'b')).toMatchObject({ reason: 'selected', suspectedMs: network.nowMs - 50 })
  network.runUntil(() => a.wayTo(c) === 'd', 1_000)
  expect(explained(network, a, c).candidates.map(({ iface }) => iface)).toEqual(['b', 'd'])
  network.run(1_000)
  const { candidates, former } = explained(network, a, c)
  expect(candidates.map(({ iface }) => iface)).toEqual(['d'])
  expect(former).toMatchObject([{ iface: 'b', neighbour: 'fe80::b', cause: 'no answer' }])
  expect(former[0]?.metric).toBeLessThan(INFINITY)
  expect(former[0]?.goneMs).toBeLessThanOrEqual(network.nowMs)
  links.ab.open = [true, true]
  runUntil(network, () => a.wayTo(c) === 'b')
  expect(explained(network, a, c).former).toEqual([])
})

it('what is nobody’s has no candidates, and what is our own says so', () => {
  const { network, a } = square()
  expect(a.engine.explain(network.nowMs, { prefix: '2001:db8:ff::/48', from: '::/0' })).toMatchObject({
    own: false,
    candidates: [],
    former: [],
  })
  expect(explained(network, a, a)).toMatchObject({ own: true, candidates: [] })
})

it('each change of a way says why: first, lost with its neighbour, next best, better, replaced', () => {
  const network = new EngineNetwork()
  const [a, b, c, d] = [network.node('a'), network.node('b'), network.node('c'), network.node('d')]
  const ab = network.link(a, b, 5)
  network.link(b, c, 5)
  network.run(200_000)
  expect(a.causesOf(c)).toEqual(['announced', 'first'])
  network.link(a, d, 5, TUNNEL, 'tunnel', [150, 150])
  network.link(d, c, 5)
  network.run(200_000)
  a.routeEvents.length = 0
  ab.open = [false, false]
  a.engine.neighbourGone(network.nowMs, 'b', 'fe80::b', 'transport ended')
  network.run(10)
  expect(a.causesOf(c)).toEqual(['next best', 'neighbour lost'])
  a.routeEvents.length = 0
  ab.open = [true, true]
  runUntil(network, () => a.wayTo(c) === 'b')
  expect(a.causesOf(c).slice(-2)).toEqual(['replaced', 'better'])
})

it('a round-trip time is told when it is known, also one that costs nothing, and when it is another one', () => {
  const network = new EngineNetwork()
  const [a, b] = [network.node('a'), network.node('b')]
  const link = network.link(a, b, 1, { ...TUNNEL, maxRttPenalty: 0 })
  runUntil(network, () => a.neighbourEvents.at(-1)?.neighbour.rttMs !== undefined)
  expect(a.neighbourEvents.at(-1)).toMatchObject({ change: 'changed', neighbour: { rttMs: 2, cost: 96 } })
  link.delayMs = 100
  runUntil(network, () => (a.neighbourEvents.at(-1)?.neighbour.rttMs ?? 0) > 130)
  const events = a.neighbourEvents.length
  network.run(300_000)
  expect(a.neighbourEvents.length - events).toBeLessThan(3)
})
