import { expect, it } from 'vitest'
import { networkOfBits, prefixOfBits } from '../../../src/core/values/prefix.ts'
import { History } from '../../../src/node/history.ts'
import { RoutedNodes } from '../../../src/node/routed-nodes.ts'
import type { Neighbour, Route, RoutingChange } from '../../../src/node/routing/router.ts'

/** 2001:db8:42::/48 */
const network = networkOfBits('001000000000000100001101101110000000000001000010')
const [OWN, ONE, TWO] = ['0000000000000111', '0000000000000001', '0000000000000010'].map(prefixOfBits)

const NEIGHBOUR = { iface: 're6stnet1', address: 'fe80::a', rxcost: 96, txcost: 96, cost: 96, rttMs: 4 }
const route = (number: number, more: Partial<Route> = {}): Route => ({
  ...{ prefix: `2001:db8:42:${number.toString(16)}::/64`, from: '::/0', installed: true },
  ...{ metric: 192, refmetric: 96, via: 'fe80::a', iface: 're6stnet1', routerId: '01', ...more },
})

function rig() {
  const listeners: ((change: RoutingChange) => void)[] = []
  const router = {
    neighbours: [],
    watch(listener: (change: RoutingChange) => void) {
      listeners.push(listener)
      return { [Symbol.dispose]() {} }
    },
  }
  const nodes = new RoutedNodes(router, network, OWN ?? ONE ?? prefixOfBits('1'))
  let nowMs = 0
  const history = new History({ router, nodes, network, now: () => ++nowMs })
  const tell = (...changes: RoutingChange[]) => {
    for (const change of changes) for (const listener of listeners) listener(change)
  }
  return { history, tell }
}

it('a neighbour that comes and goes is told with its name and how it was noticed; so are the ways over it', () => {
  const { history, tell } = rig()
  tell(
    { kind: 'neighbour', change: 'added', neighbour: { ...NEIGHBOUR, cost: 65535 }, cause: 'heard' },
    { kind: 'neighbour', change: 'changed', neighbour: NEIGHBOUR, cause: 'heard' },
    { kind: 'neighbour', change: 'changed', neighbour: { ...NEIGHBOUR, cost: 100 }, cause: 'heard' },
    {
      kind: 'route',
      change: 'added',
      route: route(1, { refmetric: 0, installed: false }),
      cause: 'announced',
    },
    { kind: 'route', change: 'changed', route: route(1, { refmetric: 0, metric: 96 }), cause: 'first' },
    { kind: 'route', change: 'changed', route: route(1, { refmetric: 0, metric: 97 }), cause: 'announced' },
    { kind: 'route', change: 'changed', route: route(2), cause: 'first' },
    { kind: 'route', change: 'changed', route: route(2, { metric: 65535 }), cause: 'retracted' },
    { kind: 'route', change: 'flushed', route: route(1, { refmetric: 0 }), cause: 'neighbour lost' },
    { kind: 'neighbour', change: 'flushed', neighbour: NEIGHBOUR, cause: 'no answer' },
  )
  const at = { iface: 're6stnet1', via: 'fe80::a' }
  const [one, two] = ['2001:db8:42:1::/64', '2001:db8:42:2::/64']
  expect(history.since(0).events).toMatchObject([
    { number: 1, kind: 'neighbour-up', ...at, metric: 96, cause: 'heard' },
    { number: 2, kind: 'way-taken', node: ONE, prefix: one, nextHop: ONE, ...at, metric: 96, cause: 'first' },
    { number: 3, kind: 'way-taken', node: TWO, prefix: two, nextHop: ONE, ...at, metric: 192 },
    { number: 4, kind: 'way-left', node: TWO, prefix: two, nextHop: ONE, ...at, cause: 'retracted' },
    { number: 5, kind: 'way-left', node: ONE, prefix: one, nextHop: ONE, ...at, cause: 'neighbour lost' },
    { number: 6, kind: 'neighbour-lost', node: ONE, ...at, cause: 'no answer' },
  ])
  expect(history.lostNeighbours()).toMatchObject([{ number: 6, node: ONE }])
  tell({ kind: 'neighbour', change: 'added', neighbour: NEIGHBOUR, cause: 'heard' })
  expect(history.lostNeighbours()).toEqual([])
  expect(history.since(6)).toMatchObject({ events: [{ kind: 'neighbour-up' }], forgotten: 0, last: 7 })
})

it('of one that is there and of no use it is told which direction does not work', () => {
  const { history, tell } = rig()
  const changed = (more: Partial<typeof NEIGHBOUR>) =>
    tell({ kind: 'neighbour', change: 'changed', neighbour: { ...NEIGHBOUR, ...more } })
  changed({})
  changed({ rxcost: 65535, cost: 65535 })
  changed({})
  changed({ txcost: 65535, cost: 65535 })
  expect(history.since(0).events.map(({ cause }) => cause)).toEqual([
    ...[undefined, 'hellos missed', undefined, 'it does not say that it hears us'],
  ])
})

it('one that does not answer is doubted, then trusted again, or lost: each is told once', () => {
  const { history, tell } = rig()
  const changed = (more: Partial<Neighbour>, cause: 'heard' | 'no answer') =>
    tell({ kind: 'neighbour', change: 'changed', neighbour: { ...NEIGHBOUR, ...more }, cause })
  changed({}, 'heard')
  changed({ cost: 12_000, isDoubted: true }, 'no answer')
  changed({ cost: 12_000, isDoubted: true, rttMs: 5 }, 'heard')
  changed({ isDoubted: false }, 'heard')
  changed({ cost: 12_000, isDoubted: true }, 'no answer')
  changed({ cost: 65_535, rxcost: 65_535, isDoubted: true }, 'heard')
  changed({}, 'heard')
  expect(history.since(0).events.map(({ kind, metric, cause }) => [kind, metric, cause])).toEqual([
    ['neighbour-up', 96, 'heard'],
    ['neighbour-doubted', 12_000, 'no answer'],
    ['neighbour-trusted', 96, undefined],
    ['neighbour-doubted', 12_000, 'no answer'],
    ['neighbour-lost', undefined, 'heard'],
    ['neighbour-up', 96, 'heard'],
  ])
})

it('tunnels and a router that was restarted are told, too', () => {
  const { history, tell } = rig()
  history.tunnel({
    ...{ kind: 'tunnel-down', peer: ONE, iface: 're6stnet1' },
    underlay: '203.0.113.1',
    reason: 'why',
  })
  tell({ kind: 'restarted' })
  expect(history.since(0).events).toEqual([
    {
      ...{ number: 1, atMs: 1, kind: 'tunnel-down', node: ONE },
      iface: 're6stnet1',
      via: '203.0.113.1',
      cause: 'why',
    },
    { number: 2, atMs: 2, kind: 'router-restarted' },
  ])
})

it('it remembers so many, and does not forget a neighbour over thousands of ways', () => {
  const { history, tell } = rig()
  tell({ kind: 'neighbour', change: 'added', neighbour: NEIGHBOUR, cause: 'heard' })
  for (let number = 1; number <= 3_000; number++)
    tell({ kind: 'route', change: 'added', route: route(number), cause: 'first' })
  const { events, forgotten, last } = history.since(0)
  expect([events.length, forgotten, last]).toEqual([257, 2_744, 3_001])
  expect(events[0]).toMatchObject({ number: 1, kind: 'neighbour-up' })
  expect(history.since(3_000)).toMatchObject({ events: [{ number: 3_001 }], forgotten: 0 })
  expect(history.since(-5).last).toBe(3_001)
  expect(history.since(9_000)).toEqual({ events: [], forgotten: 0, last: 3_001 })
})
