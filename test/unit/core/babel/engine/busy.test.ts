import { expect, it } from 'vitest'
import { EngineNetwork, type TestNode } from '../../../../support/engine-network.ts'

const NEIGHBOURS = Array.from({ length: 24 }, (_, at) => (0xa0 + at).toString(16))
const PERIOD_MS = 30_000

const questions = (node: TestNode) =>
  node.sent.filter(({ tlv }) => tlv.kind === 'acknowledgment-request' || tlv.kind === 'route-request').length

/** A node whose neighbours are neighbours of each other's, all on machines that have too much to do. */
function busy() {
  const network = new EngineNetwork()
  const node = network.node('1')
  const others = NEIGHBOURS.map((name) => network.node(name))
  for (const other of others) network.link(node, other, 10)
  for (const [at, other] of others.entries())
    network.link(other, others[(at + 1) % others.length] ?? other, 10)
  network.run(40_000)
  network.arrivesAt = (_, __, atMs) => atMs + 400
  node.sent.length = 0
  /** Time passes, in which the kernel gets no answer from anybody again and again. */
  const run = (periodMs: number) => {
    const untilMs = network.nowMs + periodMs
    while (network.nowMs < untilMs) {
      for (const name of NEIGHBOURS) node.engine.suspect(network.nowMs, name, `fe80::${name}`)
      network.run(250)
    }
  }
  return { network, node, run }
}

it('who is asked again and again whether all its neighbours are there asks them, and tells them, no more than so often', () => {
  const { node, run } = busy()
  run(60_000)
  node.sent.length = 0
  run(PERIOD_MS)
  const perSecond = (count: number) => count / (PERIOD_MS / 1_000)
  expect(perSecond(questions(node))).toBeLessThan(50)
  expect(perSecond(node.sent.filter(({ tlv }) => tlv.kind === 'update').length)).toBeLessThan(60)
})

it('a neighbour that is gone is missed all the same', () => {
  const { network, node, run } = busy()
  run(60_000)
  const [gone = ''] = NEIGHBOURS
  const [first] = network.links
  if (first) first.open = [false, false]
  node.neighbourEvents.length = 0
  const isDead = () =>
    node.neighbourEvents.some(({ change, neighbour }) => change === 'flushed' && neighbour.iface === gone)
  const beganMs = network.nowMs
  while (!isDead() && network.nowMs < beganMs + 60_000) run(250)
  expect(network.nowMs - beganMs).toBeLessThan(60_000)
})

it('while its uplink is down, a node with many neighbours asks no more often than it bears; all are there at once when it is back', () => {
  const network = new EngineNetwork()
  const node = network.node('1')
  const others = NEIGHBOURS.map((name) => network.node(name))
  const links = others.map((other) => network.link(node, other, 10))
  network.run(40_000)
  node.neighbourEvents.length = 0
  for (const link of links) link.open = [false, false]
  for (const name of NEIGHBOURS) node.engine.suspect(network.nowMs, name, `fe80::${name}`)
  // No longer than hellos may be missed (RFC 8966, 3.4.3).
  network.run(15_000)
  node.sent.length = 0
  network.run(10_000)
  expect(questions(node)).toBeLessThan(80)
  for (const link of links) link.open = [true, true]
  network.run(2_500)
  node.sent.length = 0
  network.run(2_000)
  expect(questions(node)).toBe(0)
  expect(node.neighbourEvents.filter(({ change }) => change === 'flushed')).toEqual([])
})
