import { describe, expect, test } from 'vitest'
import { Graph } from '../../../../lab/simulation/graph.ts'
import { Simulation } from '../../../../lab/simulation/simulator.ts'
import { shuffled } from '../../../../src/core/random.ts'
import { seededRandom } from '../../../support/random.ts'

const MINUTE_MS = 60_000
const NODES = 1_000

describe('1,000 nodes with the registry’s defaults, a third of them behind NATs', () => {
  const random = seededRandom(20261123)
  const network = new Simulation({
    nodes: NODES,
    natShare: 1 / 3,
    clientCount: 10,
    maxClients: 20,
    refreshMs: 5 * MINUTE_MS,
    startWithinMs: MINUTE_MS,
    random,
  })
  const tunnelsOfReachable = () =>
    network.alive.filter(({ isReachable }) => isReachable).map(({ tunnels }) => tunnels.size)

  test('get connected', () => {
    network.run(10 * MINUTE_MS)
    expect(network.partSizes()).toEqual([NODES])
    expect(new Graph(network.nodes).eccentricity(0)).toBeLessThanOrEqual(8)
  })

  test('make their tunnels: ten, or two where nobody can connect', () => {
    network.run(20 * MINUTE_MS)
    const full = tunnelsOfReachable().filter((count) => count >= 8).length
    expect(full).toBeGreaterThan(0.9 * tunnelsOfReachable().length)
    for (const node of network.alive) if (!node.isReachable) expect(node.tunnels.size).toBeLessThanOrEqual(2)
    for (const node of network.alive) expect(node.clients.size).toBeLessThanOrEqual(20)
  })

  test('never have two tunnels with one peer', () => {
    const twice = () =>
      network.alive.flatMap((node) => [...node.tunnels].filter((peer) => peer.tunnels.has(node)))
    // Two that connect to each other at the same moment have two, until one of them gives up its own.
    const before = twice()
    network.run(network.nowMs + 1_000)
    expect(twice().filter((node) => before.includes(node))).toEqual([])
  })

  test('stay connected when a random 30 % die at once, and fill their tunnels again', () => {
    const victims = shuffled(random, network.alive.slice(1)).slice(0, 0.3 * NODES)
    network.kill(victims)
    const [largest = 0] = network.partSizes()
    // At once, before anyone has noticed: those whose two tunnels both ended are alone for a minute.
    expect(largest).toBeGreaterThan(0.9 * network.alive.length)
    network.run(network.nowMs + 15 * MINUTE_MS)
    expect(network.partSizes()).toEqual([0.7 * NODES])
    const full = tunnelsOfReachable().filter((count) => count >= 8).length
    expect(full).toBeGreaterThan(0.9 * tunnelsOfReachable().length)
  })
})

test('whoever is switched on is in the network within half a minute, though many are behind NATs or full', () => {
  const network = new Simulation({
    nodes: 500,
    natShare: 1 / 3,
    clientCount: 5,
    maxClients: 10,
    refreshMs: 5 * MINUTE_MS,
    startWithinMs: MINUTE_MS,
    random: seededRandom(20261128),
  })
  const begunMs = new Map<number, number>()
  const waitsMs: number[] = []
  const alone = new Set(network.nodes.slice(1))
  while (alone.size > 0 && network.nowMs < 10 * MINUTE_MS) {
    network.run(network.nowMs + 500)
    for (const node of alone) {
      if (node.connecting.size > 0 && !begunMs.has(node.index)) begunMs.set(node.index, network.nowMs)
      if (node.neighbours.length === 0) continue
      waitsMs.push(network.nowMs - (begunMs.get(node.index) ?? network.nowMs))
      alone.delete(node)
    }
  }
  expect(alone.size).toBe(0)
  expect(Math.max(...waitsMs)).toBeLessThanOrEqual(30_000)
  // Several of those that it was told of had no place, or could not be reached.
  expect(network.nodes.filter(({ clients }) => clients.size >= 10).length).toBeGreaterThan(50)
})

test('a hundred nodes that serve nobody leave room for each other at ten that do', () => {
  const network = new Simulation({
    nodes: 110,
    natShare: 0,
    takers: 100,
    clientCount: 10,
    maxClients: 20,
    refreshMs: 5 * MINUTE_MS,
    startWithinMs: MINUTE_MS,
    random: seededRandom(2),
  })
  network.run(30 * MINUTE_MS)
  // 70 if each of them makes ten.
  expect(network.partSizes()[0]).toBeGreaterThan(100)
})
