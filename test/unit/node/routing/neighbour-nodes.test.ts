import { beforeEach, expect, it } from 'vitest'
import { networkOfBits, type Prefix, prefixOfBits, subnetCidr } from '../../../../src/core/values/prefix.ts'
import { NeighbourNodes } from '../../../../src/node/routing/neighbour-nodes.ts'
import type { Route, Router, RoutingChange } from '../../../../src/node/routing/router.ts'

const NETWORK = networkOfBits('001000000000000100001101101110000000000001000010')
const [OWN, ONE, OTHER] = ['0'.repeat(16), `${'0'.repeat(15)}1`, `${'0'.repeat(14)}10`].map(prefixOfBits) as [
  Prefix,
  Prefix,
  Prefix,
]
const listeners = new Set<(change: RoutingChange) => void>()
const router: Pick<Router, 'watch'> = {
  watch(listener) {
    listeners.add(listener)
    return { [Symbol.dispose]: () => void listeners.delete(listener) }
  },
}
const told: Prefix[] = []
let neighbours: NeighbourNodes

beforeEach(() => {
  told.length = 0
  listeners.clear()
  neighbours = new NeighbourNodes(router, NETWORK, OWN, (prefix) => told.push(prefix))
})

const happen = (change: RoutingChange) => {
  for (const listener of listeners) listener(change)
}
const routeTo = (prefix: Prefix, more: Partial<Route> = {}): Route => ({
  ...{ prefix: subnetCidr(NETWORK, prefix), from: '::/0', installed: true, metric: 96, refmetric: 0 },
  ...{ via: 'fe80::1', iface: 're6stnet1', routerId: '02:00:00:ff:fe:00:00:01' },
  ...more,
})
const route = (change: 'added' | 'changed' | 'flushed', prefix: Prefix, more?: Partial<Route>) =>
  happen({ kind: 'route', change, route: routeTo(prefix, more) })

it('a node is a neighbour once its own route can be used, and is told of once', () => {
  route('added', ONE, { metric: 65_535, installed: false })
  expect(told).toEqual([])
  route('changed', ONE)
  route('changed', ONE, { metric: 120 })
  expect(told).toEqual([ONE])
  expect(neighbours.prefixes()).toEqual([ONE])
})

it('what neighbours pass on, and what is no node, makes no neighbour', () => {
  route('added', ONE, { metric: 192, refmetric: 96 })
  route('added', OWN)
  for (const prefix of ['::/0', '2001:db8:43::/64', '2001:db8:42::/48', '10.42.0.0/24'])
    route('added', ONE, { prefix })
  expect(told).toEqual([])
})

it('a neighbour by two ways stays while it has one, and is told of again when it comes back', () => {
  route('added', ONE)
  route('added', ONE, { iface: 'eth0' })
  route('added', OTHER, { iface: 'eth0', via: 'fe80::2' })
  expect(told).toEqual([ONE, OTHER])
  route('flushed', ONE)
  expect(neighbours.prefixes()).toEqual([ONE, OTHER])
  route('changed', ONE, { iface: 'eth0', metric: 65_535, refmetric: 65_535 })
  expect(neighbours.prefixes()).toEqual([OTHER])
  route('changed', ONE, { iface: 'eth0' })
  expect(told).toEqual([ONE, OTHER, ONE])
})

it('all are told of again after the routing daemon was restarted, and nobody after the end', () => {
  route('added', ONE)
  happen({ kind: 'restarted' })
  expect(neighbours.prefixes()).toEqual([])
  route('added', ONE)
  expect(told).toEqual([ONE, ONE])
  neighbours[Symbol.dispose]()
  expect(listeners.size).toBe(0)
})

const many = (count: number, more: (number: number) => Partial<Route>) => {
  for (let number = 0; number < count; number++)
    route('added', prefixOfBits(`1${number.toString(2).padStart(15, '0')}`), more(number))
}

it('one that announces very many subnets is not told of all of them, and others are, also on its interface', () => {
  many(5_000, () => ({}))
  expect(told.length).toBe(8)
  route('added', ONE, { via: 'fe80::2' })
  route('added', OTHER, { iface: 're6stnet2' })
  expect(told.slice(8)).toEqual([ONE, OTHER])
  route('flushed', ONE, { via: 'fe80::2' })
  expect(neighbours.prefixes().length).toBe(9)
})

it('one that speaks from very many addresses takes nothing from those on other interfaces', () => {
  many(5_000, (number) => ({ via: `fe80::${number.toString(16)}` }))
  expect(told.length).toBe(1_000)
  route('added', ONE, { iface: 're6stnet2' })
  expect(told.at(-1)).toBe(ONE)
})
